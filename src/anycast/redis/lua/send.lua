-- Append as many messages as there is room for.
-- ARGV: born, me, the number of this try, the number of the first message, whether the process took
-- a hint, whether `blocked` may have a note of the process, how many tasks of the process send, the
-- number of messages with headers, then the index and the headers of each such message, then the
-- bodies of the messages.
-- Returns "ok", "full" or "closed", and how many of the messages are stored now.
-- A try that comes late, after a later try, has no effect: messages that found no room may be
-- withdrawn by now, and then later messages get their numbers.
local try, first, hinted, noted = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6] == '1'
local headed = tonumber(ARGV[8])
local headers, start = {}, 8 + 2 * headed
for at = 9, start, 2 do headers[ARGV[at]] = ARGV[at + 1] end
local bodies = #ARGV - start
local last, tried = string.match(redis.call('GET', producer) or '0 0', '^(%d+) (%d+)$')
if try <= tonumber(tried) then return {'late', 0} end
local before = tonumber(last) - first + 1
-- The messages that an earlier try stored, if the reply to that try was lost. These messages count
-- as stored, and are not stored again.
local already = math.max(0, math.min(bodies, before))
-- Note this try, and the number of the last message that is stored.
local function note(stored)
  redis.call('SET', producer, first + stored - 1 .. ' ' .. try, 'EX', 86400)
end
if noted then redis.call('HDEL', blocked, me) end
if closed then
  note(already)
  hint(room)  -- the next process with a blocked sender learns of the close, too
  redis.call('EXPIRE', room, 60)
  return {'closed', already}
end
local free = limit - length()
local stored = already
while stored < bodies and free > 0 do
  stored, free = stored + 1, free - 1
  local header = headed > 0 and headers[tostring(stored)]
  if header then
    redis.call('XADD', stream, '*', 'b', ARGV[start + stored], 'h', header)
  else
    redis.call('XADD', stream, '*', 'b', ARGV[start + stored])
  end
end
note(stored)
if stored > already then hint(ready) end
if stored < bodies then
  redis.call('DEL', room)
  redis.call('HSET', blocked, me, ARGV[7] .. ' ' .. clock())
  return {'full', stored}
end
if hinted and free > 0 then hint(room) end
return {'ok', stored}
