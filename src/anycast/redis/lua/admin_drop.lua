-- Delete dead letters. ARGV: number, then the ids of the letters, or no id for all letters.
-- Returns "ok", then how many letters were deleted.
if #ARGV > 1 then return answer(redis.call('XDEL', dead, unpack(ARGV, 2))) end
local count = redis.call('XLEN', dead)
redis.call('UNLINK', dead)
return answer(count)
