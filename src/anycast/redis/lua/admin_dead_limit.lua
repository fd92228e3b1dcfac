-- Bound the number of dead letters. The oldest letters beyond the bound are deleted now, and bury()
-- of common.lua deletes the oldest letters later. ARGV: number, the bound, or '' for none.
-- Returns "ok", then how many letters were deleted.
if ARGV[2] == '' then
  redis.call('HDEL', meta, 'dead_limit')
  return answer(0)
end
local dropped = redis.call('XTRIM', dead, 'MAXLEN', ARGV[2])
redis.call('HSET', meta, 'dead_limit', ARGV[2])
return answer(dropped)
