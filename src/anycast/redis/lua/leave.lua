-- Detach this process, after the messages of this process were given back. ARGV: born, me.
-- A hint may have been in flight to this process, and is lost then. So the script leaves new
-- hints, for the next process that waits.
redis.call('DEL', producer)
if closed and length() == 0 then return {'ok'} end
if #redis.call('XPENDING', stream, GROUP, '-', '+', 1, me) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, me)
end
if length() < limit then hint(room) end
if available() then hint(ready) end
return {'ok'}
