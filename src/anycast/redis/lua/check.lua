-- Goes before every script except init.lua. Checks that the channel still exists and is the channel
-- that this process opened: `born` differs for a later channel of the same name.
-- Returns "gone" if not.
local known = redis.call('HMGET', meta, 'born', 'limit', 'closed')
if known[1] ~= ARGV[1] then return {'gone'} end
local me, limit, closed = ARGV[2], tonumber(known[2]), known[3] == '1'
