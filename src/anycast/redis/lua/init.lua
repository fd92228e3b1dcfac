-- Create the channel, unless the channel exists.
-- ARGV: born (random, so `born` differs for a later channel of the same name), me, then the
-- settings of this process: limit, lease in ms, max deliveries or 0.
-- Returns born, closed, the version of the format and the settings, as they are on the server.
if redis.call('EXISTS', meta) == 0 then
  redis.call('DEL', stream, room, ready, returned, suspects, delayed, counts, errors, crashes,
    processes, requests, blocked)
  redis.call('HSET', meta, 'born', ARGV[1], 'closed', '0', 'version', VERSION,
    'limit', ARGV[3], 'lease', ARGV[4], 'max_deliveries', ARGV[5])
  redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
end
local answer = redis.call('HMGET', meta, 'born', 'closed', 'version', 'limit', 'lease',
  'max_deliveries')
if answer[3] == VERSION then
  redis.call('ZADD', processes, clock() + answer[5], ARGV[2])
end
return answer
