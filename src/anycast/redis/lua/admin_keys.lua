-- Find keys on this server, in one step. Goes after common.lua alone.
-- ARGV: the cursor, the pattern, and how many keys to look at.
-- Returns "ok", the cursor of the next step, or 0 at the end, and the keys that match.
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
return {'ok', found[1], found[2]}
