-- Move dead letters back to the end of the stream, as fresh messages: their deliveries begin at 0
-- again. The limit does not hold for them, so no letter is refused because the channel is full.
-- ARGV: number, then the ids of the letters; a few hundred ids at most.
-- Returns "ok", how many letters were moved, and how many ids were looked at: if the bodies are
-- large, the rest of the ids must come in another request. "ended": receivers have stopped, so
-- nobody would get the messages.
if lost() then return {'gone'} end
if ended() then return {'ended'} end
local moved, looked, bytes = 0, 0, 0
while looked < #ARGV - 1 and bytes < MOST_BYTES do
  looked = looked + 1
  local id = ARGV[1 + looked]
  local letter = redis.call('XRANGE', dead, id, id)[1]
  local fields = letter and fields_of(letter) or {}
  if fields.body then
    local parts = {'b', fields.body}
    if (fields.headers or '') ~= '' then parts = {'b', fields.body, 'h', fields.headers} end
    redis.call('XADD', stream, '*', unpack(parts))
    redis.call('XDEL', dead, id)
    moved, bytes = moved + 1, bytes + #fields.body
  end
end
if moved > 0 then hint(ready) end
return answer(moved, looked)
