-- Goes before revive.lua: what the server keeps of the last request for messages of this process.
-- ARGV: as of take.lua. A request that comes late, after a later request, has no effect.
local number, answered = tonumber(ARGV[4]), tonumber(ARGV[5])

-- The number of the last request, and the ids of its messages. After a semicolon come the messages
-- that the request buried.
local kept = redis.call('HGET', requests, me) or '0;'
local before = tonumber(string.match(kept, '^%d+'))
if number <= before then return {'late'} end

-- Whether the answer to the last request was lost. Then this answer tells of its burials once more.
-- `buried` has the id and the number of deliveries of each message that became a dead letter.
local unheard = before > answered
local last, buried = {}, {}
if unheard then
  for word in string.gmatch(string.match(kept, '^[^;]*'), '%S+') do last[#last + 1] = word end
  for id, count in string.gmatch(string.match(kept, ';(.*)$'), '(%S+) (%S+)') do
    buried[#buried + 1], buried[#buried + 2] = id, tonumber(count)
  end
end

-- Keep this request, for the next request.
local function note(ids)
  local told = table.concat(ids, ' ') .. ';' .. table.concat(buried, ' ')
  redis.call('HSET', requests, me, number .. ' ' .. told)
end
