-- Take messages for this process. The lease of the process is renewed by that.
-- ARGV: born, me, new, the number of this request, the number of the last request whose answer the
-- process has, how many messages tasks wait for, how many messages to take ahead of need, how many
-- bytes to take at most, whether this process knows that the channel is closed.
-- Returns "ok", "closed" or "ended"; after how many ms to ask again; the ids and the deliveries of
-- messages that became dead letters; and the id, the body, the headers and the number of deliveries
-- of each message. "closed": the channel is closed, and has messages, here or with other processes.
--
-- A message of which a delivery counts, or which a process had that died, is taken for a task that
-- waits, and never ahead of need. So a message that ends its process again and again is counted each
-- time, and messages that were only held ahead are not.
local demand, ahead, room_left = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if closed and length() == 0 then
  -- The next process that waits for messages learns of the end, too.
  hint(ready)
  redis.call('EXPIRE', ready, 60)
  note({})
  return {'ended', 0, buried, {}}
end

-- The answer to the last request was lost, so its messages go back, the newest message first.
if unheard then
  for at = #last, 2, -1 do
    local id = last[at]
    local entry = redis.call('XPENDING', stream, GROUP, id, id, 1, me)[1]
    if entry then
      take_back(id, entry[4] - 1)
      redis.call('LPUSH', returned, id)
    end
  end
end

local taken, ids, many, bytes = {}, {}, 0, 0
local function take(entry, count)
  local id, fields, at = entry[1], entry[2], 4 * many
  many, bytes = many + 1, bytes + #fields[2]
  ids[many] = id
  taken[at + 1], taken[at + 2], taken[at + 3], taken[at + 4] = id, fields[2], fields[4] or '', count
end

-- Take the first message of a list of messages that came back. Returns its id, or false.
local function take_first(list)
  local id = redis.call('LPOP', list)
  if not id then return false end
  local count = tonumber(redis.call('HGET', counts, id) or 0)
  if many < demand then
    count = count + 1
  elseif count > 0 or redis.call('HEXISTS', crashes, id) == 1 then
    redis.call('LPUSH', list, id)
    return false
  end
  redis.call('HDEL', counts, id)
  local entry = redis.call('XCLAIM', stream, GROUP, me, 0, id, 'FORCE', 'RETRYCOUNT', count)[1]
  if entry and entry[2] then take(entry, count) end
  return id
end

-- First a suspect, unless this process has one.
local suspected = redis.call('EXISTS', suspects) == 1
if suspected and demand > 0 then
  local held = redis.call('HGET', requests, me .. ' suspect')
  suspected = not held or #redis.call('XPENDING', stream, GROUP, held, held, 1, me) == 0
  if suspected then
    redis.call('HSET', requests, me .. ' suspect', take_first(suspects))
    suspected = redis.call('EXISTS', suspects) == 1
  end
end
-- Then the messages that came back.
while many < demand + ahead and bytes < room_left and take_first(returned) do end
-- Then fresh messages. The size of the messages so far tells how many more there is room for.
while many < demand + ahead and bytes < room_left do
  local want = 1
  if many > 0 then want = math.max(1, math.floor((room_left - bytes) * many / (bytes + 1))) end
  want = math.min(want, demand + ahead - many)
  local fresh = redis.call('XREADGROUP', 'GROUP', GROUP, me, 'COUNT', want, 'STREAMS', stream, '>')
  local entries = fresh and fresh[1][2] or {}
  for _, entry in ipairs(entries) do take(entry, many < demand and 1 or 0) end
  if #entries < want then break end
end
-- The group has counted a delivery of each fresh message. Those ahead of need do not count yet.
if many > demand then
  local held = {unpack(ids, demand + 1)}
  for _, word in ipairs({'RETRYCOUNT', 0, 'JUSTID'}) do held[#held + 1] = word end
  redis.call('XCLAIM', stream, GROUP, me, 0, unpack(held))
end
note(ids)

-- The hint of a close goes on to the next process, once from each process.
if suspected or available() or (closed and ARGV[9] == '0') then
  hint(ready)
else
  redis.call('DEL', ready)
end
-- The next message that is due, or the next lease that runs out.
local wait = lease
for _, set in ipairs({delayed, processes}) do
  local next = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  if next then wait = math.min(wait, math.max(1, math.ceil(next - now))) end
end
return {closed and 'closed' or 'ok', wait, buried, taken}
