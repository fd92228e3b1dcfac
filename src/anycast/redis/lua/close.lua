-- Accept no more messages, from anyone. ARGV: born, me.
redis.call('DEL', room)  -- first: after a write that frees, one that needs memory is never refused
redis.call('HSET', meta, 'closed', '1')
if length() == 0 then finish() end
hint(room)
redis.call('EXPIRE', room, 60)
return {'ok'}
