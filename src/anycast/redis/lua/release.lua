-- Give messages back.
-- ARGV: born, me, new, the number of this request, then five arguments for each message, the newest
-- message first: the id; the number of its deliveries; whether the work on it failed; how many ms
-- it waits before the next try; the text of the error.
-- Returns "ok", then the id of each message that became a dead letter: the work on the message
-- failed, and the message was delivered as often as is allowed.
-- A request that comes again, since its answer was lost, has been carried out before: it changes
-- nothing, and gets the same answer.
local turn = me .. ' released'
local again = tonumber(ARGV[4]) <= tonumber(redis.call('HGET', requests, turn) or 0)
if closed and length() == 0 and not again then return {'ok'} end
local answer = {'ok'}
for at = 5, #ARGV, 5 do
  local id, count, failed = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2] == '1'
  local pause, reason = tonumber(ARGV[at + 3]), ARGV[at + 4]
  local given_up = failed and most > 0 and count >= most
  if given_up then answer[#answer + 1] = id end
  if given_up and not again then
    bury(id, count, reason)
  elseif not again then
    take_back(id, count)
    if failed then redis.call('HSET', errors, id, reason) end
    if pause > 0 then
      redis.call('ZADD', delayed, now + pause, id)
    else
      redis.call('LPUSH', returned, id)
    end
  end
end
if again then return answer end
redis.call('HSET', requests, turn, ARGV[4])
if #answer > 1 then left(closed, limit) end
if not (closed and length() == 0) and available() then hint(ready) end
return answer
