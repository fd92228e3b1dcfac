-- Create the channel, unless the channel exists.
-- ARGV: limit, born (random, so `born` differs for a later channel of the same name).
-- Returns limit, born and closed of the channel, as they are on the server.
if redis.call('EXISTS', meta) == 0 then
  redis.call('HSET', meta, 'limit', ARGV[1], 'born', ARGV[2], 'closed', '0')
  redis.call('DEL', stream, room, ready, returned, errors)
  redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
end
-- Each process has a consumer in the group, and a crash leaves the consumer behind. Delete the
-- consumers that have no pending messages and have been idle for more than a day.
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
