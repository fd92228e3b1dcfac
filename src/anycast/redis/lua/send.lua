-- Append as many messages as there is room for.
-- ARGV: born, me, the number of the first message, whether the process took a hint, then the
-- bodies of the messages.
-- Returns "ok", "full" or "closed", and how many of the messages are stored now.
local first, hinted, bodies = tonumber(ARGV[3]), ARGV[4] == '1', #ARGV - 4
local before = tonumber(redis.call('GET', producer) or '0') - first + 1
-- The messages that an earlier try stored, if the reply to that try was lost. These messages count
-- as stored, and are not stored again.
local already = math.max(0, math.min(bodies, before))
if closed then
  hint(room)  -- the next process with a blocked sender learns of the close, too
  redis.call('EXPIRE', room, 60)
  return {'closed', already}
end
local free = limit - length()
local stored = already
while stored < bodies and free > 0 do
  redis.call('XADD', stream, '*', 'b', ARGV[5 + stored])
  stored, free = stored + 1, free - 1
end
if stored > already then
  redis.call('SET', producer, first + stored - 1, 'EX', 86400)
  hint(ready)
end
if stored < bodies then
  redis.call('DEL', room)
  return {'full', stored}
end
if hinted and free > 0 then hint(room) end
return {'ok', stored}
