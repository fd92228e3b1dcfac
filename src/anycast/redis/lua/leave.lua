-- Detach this process, after the messages of this process were given back. ARGV: born, me.
-- Messages may be left: the answer that brought the messages was lost. They go back, a few hundred
-- of them at a time, and no delivery of them counts.
-- A hint may have been in flight to this process, and is lost then. So the script leaves new
-- hints, for the next process that waits.
-- A script SEND may still come, if the network kept the script and the process sent the same messages
-- again. So the number of the last message stays for an hour, and the late script stores nothing.
-- Returns "ok", or "more" if messages are left.
redis.call('EXPIRE', producer, 3600)
redis.call('HDEL', blocked, sender_of(me))
if not (closed and length() == 0) then
  local pending = redis.call('XPENDING', stream, GROUP, '-', '+', 500, me)
  for at = #pending, 1, -1 do
    take_back(pending[at][1], pending[at][4] - 1)
    redis.call('LPUSH', returned, pending[at][1])
  end
  if #pending == 500 then return {'more'} end
  redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, me)
  if length() < limit then hint(room) end
  if available() then hint(ready) end
end
redis.call('ZREM', processes, me)
redis.call('HDEL', requests, me, me .. ' released', me .. ' suspect')
return {'ok'}
