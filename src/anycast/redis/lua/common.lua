-- What every script begins with: the names of the keys, and the transitions that several share.
--
-- A message is an entry of the stream from its send to its acknowledgement, so the length of
-- the stream is what `limit` bounds. One that is in a receiver's hand is pending in the group,
-- under that process's consumer; one that was given back is pending under NOBODY, and its id
-- stands in `returned`, so that it goes before those that were never delivered.
--
-- `room` and `ready` each hold at most one token, a hint: "it may be worth asking again".
-- Blocked processes wait for it in BLPOP, in the order in which they came. The truth is in the
-- stream, and a process asks again after two seconds without any hint, so a token that died
-- with the process that took it costs time and nothing else.
local stream, meta, room, ready, returned, errors, dead, producer = unpack(KEYS)
local GROUP, NOBODY = 'receivers', '-'

local function hint(list)
  -- The protected call: a server that is out of memory may refuse it, and a hint may be lost.
  if redis.call('EXISTS', list) == 0 then redis.pcall('RPUSH', list, '1') end
end

local function length() return redis.call('XLEN', stream) end

-- After the last message of a closed channel: whoever waits learns it, one after the other.
local function finish()
  redis.call('DEL', stream, returned, errors)
  hint(ready)
  redis.call('EXPIRE', ready, 60)
end

-- After messages have left the stream.
local function left(closed, limit)
  local now = length()
  if closed and now == 0 then finish() elseif now < limit then hint(room) end
end

-- How often a message was delivered, or nil if it is not pending under this consumer.
local function deliveries(id, consumer)
  local entry = redis.call('XPENDING', stream, GROUP, id, id, 1, consumer)[1]
  return entry and entry[4]
end

-- Split ids, which are the arguments from here on, into those pending under this consumer
-- and the others. For a few it asks for each, for many once for all that there are.
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

local function delete(ids)
  redis.call('XACK', stream, GROUP, unpack(ids))
  redis.call('XDEL', stream, unpack(ids))
  if redis.call('EXISTS', errors) == 1 then redis.call('HDEL', errors, unpack(ids)) end
end

local function bury(id, count, reason)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if entry then
    redis.call('XACK', stream, GROUP, id)
    redis.call('XADD', dead, '*', 'id', id, 'deliveries', count, 'error', reason, 'body', entry[2][2])
  end
  delete({id})
end

-- Give a pending message to nobody: at once for whoever asks, with the count that it is to have.
local function give_back(id, count, lease)
  redis.call('XCLAIM', stream, GROUP, NOBODY, 0, id, 'IDLE', lease, 'RETRYCOUNT', count, 'JUSTID')
  redis.call('LPUSH', returned, id)
end

local function available()
  return redis.call('EXISTS', returned) == 1
    or length() > redis.call('XPENDING', stream, GROUP)[1]
end
