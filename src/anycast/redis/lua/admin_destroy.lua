-- Delete every key of the channel that KEYS names. ARGV: number, whether the lease of a process may
-- still run. A process that still uses the channel is told "gone" by its next script.
-- Returns "ok", or "used", how many processes use the channel, and the seconds until their leases
-- have run out.
local now = clock()
local used = redis.call('ZCOUNT', processes, '(' .. now, '+inf')
if used > 0 and ARGV[2] ~= '1' then
  local last = redis.call('ZRANGE', processes, -1, -1, 'WITHSCORES')[2]
  return {'used', used, math.ceil((last - now) / 1000)}
end
redis.call('UNLINK', unpack(KEYS))
return answer(0)
