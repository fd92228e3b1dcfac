-- Keep messages for another lease. ARGV: born, me, their ids, a few hundred at most. Returns
-- those that are lost.
if closed and length() == 0 then return {'ok', unpack(ARGV, 3)} end
local ours, lost = sort_out(3, me)
if #ours > 0 then
  ours[#ours + 1] = 'JUSTID'
  redis.call('XCLAIM', stream, GROUP, me, 0, unpack(ours))
end
return {'ok', unpack(lost)}
