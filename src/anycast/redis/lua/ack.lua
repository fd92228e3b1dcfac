-- Acknowledge messages: the work on them is done. Count messages that were held ahead of need and
-- are in the hand of the program now.
-- ARGV: born, me, new, the number of the last request of this process that gave messages back, the
-- number of messages to acknowledge, their ids, then the ids of the messages that the program got; a
-- few hundred ids at most.
local done = tonumber(ARGV[5])
if closed and length() == 0 then return {'ok'} end
-- If this request comes late, the process may have given messages back meanwhile, and XCLAIM would
-- take such a message from another process.
local released = #ARGV > 5 + done and tonumber(redis.call('HGET', requests, me .. ' released') or 0)
if released and released <= tonumber(ARGV[4]) then
  local begun = {unpack(ARGV, 6 + done)}
  for _, word in ipairs({'RETRYCOUNT', 1, 'JUSTID'}) do begun[#begun + 1] = word end
  redis.call('XCLAIM', stream, GROUP, me, 0, unpack(begun))
end
if done > 0 then
  delete({unpack(ARGV, 6, 5 + done)})
  left(closed, limit)
end
return {'ok'}
