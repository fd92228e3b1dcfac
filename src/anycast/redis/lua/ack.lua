-- Messages are done. ARGV: born, me, their ids, a few hundred at most. Returns those that were
-- not ours any more: their lease ran out, and they are somebody else's business.
if closed and length() == 0 then return {'ok', unpack(ARGV, 3)} end
local ours, lost = sort_out(3, me)
if #ours > 0 then
  delete(ours)
  left(closed, limit)
end
return {'ok', unpack(lost)}
