-- Forget this process, which has given back what it held. ARGV: born, me. A hint may have
-- been on its way to it, so the next in line gets another.
redis.call('DEL', producer)
if closed and length() == 0 then return {'ok'} end
if #redis.call('XPENDING', stream, GROUP, '-', '+', 1, me) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, me)
end
if length() < limit then hint(room) end
if available() then hint(ready) end
return {'ok'}
