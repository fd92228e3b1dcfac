-- Give back the messages that are pending for this process but unknown to this process, because
-- the reply that brought the messages was lost.
-- ARGV: born, me, lease in ms, then the ids that this process knows.
if closed and length() == 0 then return {'ok'} end
local known = {}
for at = 4, #ARGV do known[ARGV[at]] = true end
local pending = redis.call('XPENDING', stream, GROUP, '-', '+', 100000, me)
-- The newest message first, because `give_back` puts each message at the head of `returned`.
for at = #pending, 1, -1 do
  local id, count = pending[at][1], pending[at][4]
  -- A receiver never had the message, so this delivery does not count.
  if not known[id] then give_back(id, count - 1, ARGV[3]) end
end
if available() then hint(ready) end
return {'ok'}
