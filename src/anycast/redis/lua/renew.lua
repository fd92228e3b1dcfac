-- Renew the lease of this process, whatever the process holds. ARGV: born, me, new.
-- Returns "ok" and the limit, which an operator may have changed.
redis.call('ZADD', processes, now + lease, me)
return {'ok', known[2]}
