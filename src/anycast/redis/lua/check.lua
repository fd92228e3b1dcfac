-- What every script but the first does next: see that the channel is still the one it was.
local known = redis.call('HMGET', meta, 'born', 'limit', 'closed')
if known[1] ~= ARGV[1] then return {'gone'} end
local me, limit, closed = ARGV[2], tonumber(known[2]), known[3] == '1'
