-- Goes before take.lua: moves what can be taken again to the messages that came back. That is what
-- is due after a pause, and what a process has whose lease has run out. A few hundred messages are
-- moved at a time. `buried` of request.lua gets the messages that became dead letters.
local MOST_CRASHES, MOST = 5, 500
redis.call('ZADD', processes, now + lease, me)
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, MOST)
if #due > 0 then
  redis.call('RPUSH', returned, unpack(due))
  redis.call('ZREM', delayed, unpack(due))
end

-- No lease runs for longer than one lease from now, unless the clock of the server was set back.
local latest = now + lease
local late = redis.call('ZRANGEBYSCORE', processes, '(' .. latest, '+inf', 'LIMIT', 0, MOST)
for _, process in ipairs(late) do redis.call('ZADD', processes, latest, process) end

local buried_before = #buried
local gone = redis.call('ZRANGEBYSCORE', processes, '-inf', now, 'LIMIT', 0, 1)[1]
if gone and not (closed and length() == 0) then
  redis.call('ZADD', processes, 0, gone)
  local pending = redis.call('XPENDING', stream, GROUP, '-', '+', MOST, gone)
  for _, entry in ipairs(pending) do
    local id, count = entry[1], entry[4]
    local crashed = redis.call('HINCRBY', crashes, id, count > 0 and 1 or 0)
    if most > 0 and (count >= most or crashed >= MOST_CRASHES) then
      local reason = redis.call('HGET', errors, id)
      bury(id, count, 'the process died or hung' .. (reason and ', earlier: ' .. reason or ''))
      buried[#buried + 1], buried[#buried + 2] = id, count
    else
      take_back(id, count)
      redis.call('RPUSH', crashed > 1 and suspects or returned, id)
    end
  end
  if #pending < MOST then
    redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, gone)
    redis.call('ZREM', processes, gone)
    redis.call('HDEL', requests, gone, gone .. ' released', gone .. ' suspect')
    redis.call('HDEL', blocked, sender_of(gone))
  end
  if #buried > buried_before then left(closed, limit) end
end
