-- Give messages back.
-- ARGV: born, me, new, the number of this request, then five arguments for each message, the newest
-- message first: the id; the number of its deliveries; whether the work on it failed; how many ms
-- it waits before the next try; the text of the error.
-- Returns "ok", then the id of each message that became a dead letter: the work on the message
-- failed, and the message was delivered as often as is allowed.
if closed and length() == 0 then return {'ok'} end
-- A request that comes again, since its answer was lost, has been carried out before.
local turn = me .. ' released'
if tonumber(ARGV[4]) <= tonumber(redis.call('HGET', requests, turn) or 0) then return {'ok'} end
redis.call('HSET', requests, turn, ARGV[4])
local answer = {'ok'}
for at = 5, #ARGV, 5 do
  local id, count, failed = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2] == '1'
  local pause, reason = tonumber(ARGV[at + 3]), ARGV[at + 4]
  if failed and most > 0 and count >= most then
    bury(id, count, reason)
    answer[#answer + 1] = id
  else
    take_back(id, count)
    if failed then redis.call('HSET', errors, id, reason) end
    if pause > 0 then
      redis.call('ZADD', delayed, now + pause, id)
    else
      redis.call('LPUSH', returned, id)
    end
  end
end
if #answer > 1 then left(closed, limit) end
if not (closed and length() == 0) and available() then hint(ready) end
return answer
