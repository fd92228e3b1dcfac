-- Acknowledge messages: the work on them is done.
-- ARGV: born, me, then the ids of the messages, a few hundred at most.
-- Returns "ok", then the ids that were not pending for this process any more. The leases of these
-- messages had run out, and the messages may be with other processes.
if closed and length() == 0 then return {'ok', unpack(ARGV, 3)} end
local ours, lost = sort_out(3, me)
if #ours > 0 then
  delete(ours)
  left(closed, limit)
end
return {'ok', unpack(lost)}
