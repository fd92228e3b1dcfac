-- Change the limit for all processes. Each send obeys the new limit from now on. ARGV: the limit.
redis.call('HSET', meta, 'limit', ARGV[1])
-- Wakes the first process with a blocked sender. send.lua passes the hint on while there is room.
if length() < tonumber(ARGV[1]) then hint(room) end
return {'ok'}
