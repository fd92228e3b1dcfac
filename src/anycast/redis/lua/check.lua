-- Goes before every script but those of init.lua and of the operator. Checks that the channel still
-- exists and is the channel that this process opened: `born` differs for a later channel of the
-- same name. Returns "gone" if not.
local known = redis.call('HMGET', meta, 'born', 'limit', 'closed', 'lease', 'max_deliveries')
if known[1] ~= ARGV[1] then return {'gone'} end
local me, limit, closed = ARGV[2], tonumber(known[2]), known[3] == '1'
local lease, most = tonumber(known[4]), tonumber(known[5])
if not closed and redis.call('EXISTS', stream) == 0 then return {'gone'} end
