-- Give back what is pending for us and unknown to us: the reply that brought it was lost.
-- ARGV: born, me, lease in ms, the ids that are known.
if closed and length() == 0 then return {'ok'} end
local known = {}
for at = 4, #ARGV do known[ARGV[at]] = true end
local pending = redis.call('XPENDING', stream, GROUP, '-', '+', 100000, me)
for at = #pending, 1, -1 do
  local id, count = pending[at][1], pending[at][4]
  if not known[id] then give_back(id, count - 1, ARGV[3]) end
end
if available() then hint(ready) end
return {'ok'}
