-- Goes before every script: the names of the keys, and the steps that several scripts share.
--
-- Messages. From the send to the acknowledgement, a message is an entry of the stream. So `limit`
-- bounds the length of the stream. Each message of the stream is at exactly one of five places:
--
-- fresh: after the last entry that the group was given. The message was never delivered.
-- returned: its id is in the list `returned`. The message was given back, and can be taken.
-- suspect: its id is in the list `suspects`. Again and again, the process that had the message died
--     or hung. A process takes a suspect only if the process has no other suspect. So it becomes
--     known which message ends the processes.
-- delayed: its id is in the sorted set `delayed`, whose score is the time at which the message
--     moves to `returned`. The message failed, and waits before the next try.
-- pending: in the pending list of the group, under the consumer of a process. The process has the
--     message: ahead of need, or in the hand of the program.
--
-- Deliveries. A delivery counts when the program gets the message. For a pending message the group
-- keeps the count: 0 for a message that the process holds ahead of need. For a returned or delayed
-- message, the hash `counts` keeps a count that is not 0, and `errors` keeps the last error.
--
-- Processes. The sorted set `processes` has the consumer of each process, whose score is the time
-- at which the lease of the process runs out. The heartbeat of the process renews the lease. When
-- the lease has run out, any process moves the messages of that process to `returned`. The score 0
-- marks a process whose messages are being moved: its scripts are refused from then on.
--
-- Hints. The lists `room` and `ready` each hold at most one token, a hint that asking again may
-- succeed. Processes wait for a hint in BLPOP, and the server serves these processes in the order
-- in which they came. A hint can be lost, together with the process that took the hint. This costs
-- only time: the stream decides, and a waiting process asks again after two seconds at the latest.
local stream, meta, room, ready, returned, suspects, delayed, counts, errors, crashes, processes,
  requests, blocked, dead, producer = unpack(KEYS)
local GROUP, VERSION = 'receivers', '1'

-- The time of the server, in milliseconds.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Leave a hint, unless a hint is there already.
local function hint(list)
  if redis.call('EXISTS', list) == 0 then redis.call('RPUSH', list, '1') end
end

-- The number of messages that are not acknowledged.
local function length() return redis.call('XLEN', stream) end

-- Whether there is a message that any process could take now.
local function available()
  local elsewhere = redis.call('XPENDING', stream, GROUP)[1] + redis.call('ZCARD', delayed)
  return length() > elsewhere + redis.call('LLEN', suspects)
end

-- The name under which a process sends: the name of its first consumer. A process whose lease has run
-- out goes on under another consumer, whose name has a number behind that.
local function sender_of(consumer) return (string.gsub(consumer, '-%d+$', '')) end

-- End the channel: the channel is closed, and the last message has left the stream. The hint wakes
-- a process that waits for messages. take.lua passes the hint on, so every such process learns of
-- the end.
local function finish()
  redis.call('DEL', stream, returned, suspects, delayed, counts, errors, crashes)
  hint(ready)
  redis.call('EXPIRE', ready, 60)
end

-- Call this after messages have left the stream: ends a closed channel that is empty, or leaves a
-- hint that there is room.
local function left(closed, limit)
  local now = length()
  if closed and now == 0 then finish() elseif now < limit then hint(room) end
end

-- Delete messages that are pending for this process, with what the server keeps for each message.
local function delete(ids)
  redis.call('XACK', stream, GROUP, unpack(ids))
  redis.call('XDEL', stream, unpack(ids))
  for _, hash in ipairs({errors, crashes}) do
    if redis.call('EXISTS', hash) == 1 then redis.call('HDEL', hash, unpack(ids)) end
  end
end

-- Move a pending message to the dead letters.
local function bury(id, count, reason)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if entry then
    local fields = {'id', id, 'deliveries', count, 'error', reason, 'body', entry[2][2]}
    if entry[2][4] then fields[#fields + 1], fields[#fields + 2] = 'headers', entry[2][4] end
    redis.call('XADD', dead, '*', unpack(fields))
    local most = redis.call('HGET', meta, 'dead_limit')
    if most then redis.call('XTRIM', dead, 'MAXLEN', most) end
  end
  delete({id})
end

-- Take a pending message from its process, and keep the count of its deliveries. A message that was
-- held ahead of need has none, so the count may be less than 0 when a delivery is left out.
local function take_back(id, count)
  redis.call('XACK', stream, GROUP, id)
  if count > 0 then redis.call('HSET', counts, id, count) end
end
