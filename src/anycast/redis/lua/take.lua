-- Take messages for this process.
-- ARGV: born, me, how many, lease in ms, max deliveries or 0, whether to look for messages whose
-- lease has run out, whether this process knows that the channel is closed.
-- Returns "ok", "closed" or "ended", then the id, the body and the number of deliveries of each
-- message. "closed": the channel is closed, and has messages, here or with other processes.
local want, lease, most = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
if closed and length() == 0 then
  -- The next process that waits for messages learns of the end, too.
  hint(ready)
  redis.call('EXPIRE', ready, 60)
  return {'ended'}
end
local reply, taken = {closed and 'closed' or 'ok'}, 0

local function take(id, body, count)
  taken = taken + 1
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = id, body, count
end

-- Take a message that was delivered before, or move the message to the dead letters after the last
-- allowed delivery.
local function claim(id, count)
  if most > 0 and count >= most then
    bury(id, count, redis.call('HGET', errors, id) or 'its lease ran out')
    left(closed, limit)
    return
  end
  local entry = redis.call('XCLAIM', stream, GROUP, me, 0, id, 'RETRYCOUNT', count + 1)[1]
  if entry then take(id, entry[2][2], count + 1) end
end

-- First the messages that were given back.
while taken < want do
  local id = redis.call('LPOP', returned)
  if not id then break end
  local count = deliveries(id, NOBODY)
  if count then claim(id, count) end
end
-- Then the messages of other consumers whose lease has run out.
if ARGV[6] == '1' and taken < want then
  for _, entry in ipairs(redis.call('XPENDING', stream, GROUP, 'IDLE', lease, '-', '+', 1000)) do
    if taken >= want then break end
    if entry[2] ~= me then claim(entry[1], entry[4]) end
  end
end
-- The last messages may have become dead letters above.
if closed and length() == 0 then return {'ended'} end
-- Then the messages that were never delivered.
if taken < want then
  local fresh = redis.call(
    'XREADGROUP', 'GROUP', GROUP, me, 'COUNT', want - taken, 'STREAMS', stream, '>')
  for _, entry in ipairs(fresh and fresh[1][2] or {}) do take(entry[1], entry[2][2], 1) end
end
-- The hint of a close goes on to the next process, once from each process.
if available() or (closed and ARGV[7] == '0') then hint(ready) else redis.call('DEL', ready) end
return reply
