-- Make the channel unless it is there. ARGV: limit, what tells this making from any other.
if redis.call('EXISTS', meta) == 0 then
  redis.call('HSET', meta, 'limit', ARGV[1], 'born', ARGV[2], 'closed', '0')
  redis.call('DEL', stream, room, ready, returned, errors)
  redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
end
-- Processes that crashed leave their names behind: forget those of which nothing is pending.
local DAY = 86400000
if redis.call('EXISTS', stream) == 1 then
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, GROUP)) do
    local facts = {}
    for at = 1, #consumer, 2 do facts[consumer[at]] = consumer[at + 1] end
    if facts.pending == 0 and facts.idle > DAY then
      redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, facts.name)
    end
  end
end
return redis.call('HMGET', meta, 'limit', 'born', 'closed')
