-- Goes after common.lua before each script of an operator that must not run twice.
-- ARGV[1]: the number of this request of this operator. Each operator has a name for life, so the
-- key `producer`, which a sender has for the same purpose, keeps the last number with its answer.
-- A request that comes again, since its answer was lost, gets the same answer again. A request that
-- comes late, after a later request, is not carried out: nobody waits for its answer any more.
local earlier = redis.call('HMGET', producer, 'number', 'first', 'second')
if tonumber(ARGV[1]) <= tonumber(earlier[1] or 0) then
  return {'ok', tonumber(earlier[2]), tonumber(earlier[3])}
end

-- Note and return the answer of this request: one or two numbers.
local function answer(first, second)
  redis.call('HSET', producer, 'number', ARGV[1], 'first', first, 'second', second or 0)
  redis.call('EXPIRE', producer, 3600)
  return {'ok', first, second or 0}
end
