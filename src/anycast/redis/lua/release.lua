-- Give messages back. ARGV: born, me, lease in ms, max deliveries or 0, then of each message,
-- newest first: id, what became of it ("untouched", "failed" or "broken"), the error's text.
-- An untouched message was in nobody's hand, so this delivery does not count; a broken one
-- cannot be decoded, and nobody is to have it again.
if closed and length() == 0 then return {'ok'} end
local lease, most = ARGV[3], tonumber(ARGV[4])
for at = 5, #ARGV, 3 do
  local id, fate, reason = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local count = deliveries(id, me)
  if not count then
    -- not ours any more
  elseif fate == 'broken' or (fate == 'failed' and most > 0 and count >= most) then
    bury(id, count, reason)
    left(closed, limit)
  elseif fate == 'failed' then
    give_back(id, count, lease)
    if reason ~= '' then redis.call('HSET', errors, id, reason) end
  else
    give_back(id, count - 1, lease)
  end
end
if not (closed and length() == 0) and available() then hint(ready) end
return {'ok'}
