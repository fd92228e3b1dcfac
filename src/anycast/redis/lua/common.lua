-- Goes before every script: the names of the keys, and the steps that several scripts share.
--
-- Messages. From the send to the acknowledgement, a message is an entry of the stream. So `limit`
-- bounds the length of the stream. The group counts a delivered message as pending, under the
-- consumer of a process: `me` is the consumer of the process that runs the script. A message that
-- was given back is pending under the consumer NOBODY, and the list `returned` has the id of the
-- message. Returned messages are delivered before messages that were never delivered.
--
-- Hints. The lists `room` and `ready` each hold at most one token, a hint that asking again may
-- succeed. Processes wait for a hint in BLPOP, and the server serves these processes in the order
-- in which they came. A hint can be lost, together with the process that took the hint. This costs
-- only time: the stream decides, and a waiting process asks again after two seconds at the latest.
local stream, meta, room, ready, returned, errors, dead, producer = unpack(KEYS)
local GROUP, NOBODY = 'receivers', '-'

-- Leave a hint, unless a hint is there already.
local function hint(list)
  -- A server that is out of memory may refuse the RPUSH. `pcall` ignores the error of the server,
  -- because a hint may be lost.
  if redis.call('EXISTS', list) == 0 then redis.pcall('RPUSH', list, '1') end
end

-- The number of messages that are not acknowledged.
local function length() return redis.call('XLEN', stream) end

-- End the channel: the channel is closed, and the last message has left the stream. The hint wakes
-- a process that waits for messages. take.lua passes the hint on, so every such process learns of
-- the end.
local function finish()
  redis.call('DEL', stream, returned, errors)
  hint(ready)
  redis.call('EXPIRE', ready, 60)
end

-- Call this after messages have left the stream: ends a closed channel that is empty, or leaves a
-- hint that there is room.
local function left(closed, limit)
  local now = length()
  if closed and now == 0 then finish() elseif now < limit then hint(room) end
end

-- How often a message was delivered; nil if the message is not pending under this consumer.
local function deliveries(id, consumer)
  local entry = redis.call('XPENDING', stream, GROUP, id, id, 1, consumer)[1]
  return entry and entry[4]
end

-- Split the ids, which are the arguments from index `from` on: first the ids that are pending under
-- this consumer, then the remaining ids. A few ids are looked up by an XPENDING for each id, and
-- many ids by a single XPENDING for all that is pending under this consumer.
local function sort_out(from, consumer)
  local ours, lost, pending = {}, {}, nil
  if #ARGV - from > 3 then
    pending = {}
    for _, entry in ipairs(redis.call('XPENDING', stream, GROUP, '-', '+', 100000, consumer)) do
      pending[entry[1]] = true
    end
  end
  for at = from, #ARGV do
    local id = ARGV[at]
    local mine
    if pending then mine = pending[id] else mine = deliveries(id, consumer) end
    if mine then ours[#ours + 1] = id else lost[#lost + 1] = id end
  end
  return ours, lost
end

-- Delete messages, with what the server keeps for each message.
local function delete(ids)
  redis.call('XACK', stream, GROUP, unpack(ids))
  redis.call('XDEL', stream, unpack(ids))
  if redis.call('EXISTS', errors) == 1 then redis.call('HDEL', errors, unpack(ids)) end
end

-- Move a message to the dead letters.
local function bury(id, count, reason)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if entry then
    redis.call('XACK', stream, GROUP, id)
    redis.call('XADD', dead, '*', 'id', id, 'deliveries', count, 'error', reason, 'body', entry[2][2])
  end
  delete({id})
end

-- Give back a pending message at once. The next process that asks gets the message from `returned`.
-- The idle time becomes a whole lease, so a look for leases that have run out finds the message,
-- too. `count` becomes the number of deliveries of the message.
local function give_back(id, count, lease)
  redis.call('XCLAIM', stream, GROUP, NOBODY, 0, id, 'IDLE', lease, 'RETRYCOUNT', count, 'JUSTID')
  redis.call('LPUSH', returned, id)
end

-- Whether there is a message to take: a returned message, or a message that was never delivered.
local function available()
  return redis.call('EXISTS', returned) == 1
    or length() > redis.call('XPENDING', stream, GROUP)[1]
end
