-- Tell the state of the channel, and change nothing.
-- ARGV: for how many ms the note of a process counts that its senders are blocked.
-- Returns "ok"; the settings closed, limit, lease, max_deliveries, dead_limit; how many messages
-- are unacknowledged, pending, delayed, dead; the ms since the oldest message was sent, or -1; how
-- many tasks are blocked; and for each process its name, how many messages it has, the ms until its
-- lease runs out, and the deliveries of its oldest message.
if lost() then return {'gone'} end
local now, number = clock(), length()
local pending = number > 0 and redis.call('XPENDING', stream, GROUP) or {0}
local held = {}
for _, pair in ipairs(pending[4] or {}) do held[pair[1]] = tonumber(pair[2]) end

local rows = {}
local leases = redis.call('ZRANGE', processes, 0, -1, 'WITHSCORES')
for at = 1, #leases, 2 do
  local process, deliveries = leases[at], 0
  if held[process] then
    deliveries = redis.call('XPENDING', stream, GROUP, '-', '+', 1, process)[1][4]
  end
  rows[#rows + 1] = {process, held[process] or 0, leases[at + 1] - now, deliveries}
end

local tasks = 0
for _, note in ipairs(redis.call('HVALS', blocked)) do
  local count, time = string.match(note, '^(%d+) (%d+)$')
  if count and now - time < tonumber(ARGV[1]) then tasks = tasks + count end
end

local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
local age = oldest and now - string.match(oldest[1], '%d+') or -1
return {'ok', settings[2], settings[3], settings[4], settings[5], settings[6] or '', number,
  pending[1], redis.call('ZCARD', delayed), redis.call('XLEN', dead), age, tasks, rows}
