-- Close the channel: from now on, sends are refused. ARGV: born, me.
redis.call('HSET', meta, 'closed', '1')
-- Wakes the first process that waits for messages. take.lua passes the hint on.
if length() == 0 then finish() else hint(ready) end
-- Wakes the first process with a blocked sender. send.lua passes the hint on to the next process.
hint(room)
redis.call('EXPIRE', room, 60)
return {'ok'}
