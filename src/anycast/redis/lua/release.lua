-- Give messages back.
-- ARGV: born, me, lease in ms, max deliveries or 0, then three arguments for each message, the
-- newest message first: the id; the fate, which is "untouched", "failed" or "broken"; the text of
-- the error.
--
-- "untouched": a receiver never had the message, so this delivery does not count.
-- "failed": a receiver had the message, so this delivery counts. After the last allowed delivery
-- the message becomes a dead letter.
-- "broken": the message cannot be decoded. The message becomes a dead letter at once.
if closed and length() == 0 then return {'ok'} end
local lease, most = ARGV[3], tonumber(ARGV[4])
for at = 5, #ARGV, 3 do
  local id, fate, reason = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local count = deliveries(id, me)
  if not count then
    -- Not pending for this process any more: the lease has run out.
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
