-- Renew the leases of messages: XCLAIM sets the idle time of each message to zero.
-- ARGV: born, me, then the ids of the messages, a few hundred at most.
-- Returns "ok", then the ids whose lease is lost: they are not pending for this process any more.
if closed and length() == 0 then return {'ok', unpack(ARGV, 3)} end
local ours, lost = sort_out(3, me)
if #ours > 0 then
  ours[#ours + 1] = 'JUSTID'
  redis.call('XCLAIM', stream, GROUP, me, 0, unpack(ours))
end
return {'ok', unpack(lost)}
