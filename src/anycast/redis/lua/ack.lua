-- Acknowledge messages: the work on them is done. Count messages that were held ahead of need and
-- are in the hand of the program now.
-- ARGV: born, me, new, the number of messages to acknowledge, their ids, then the ids of the
-- messages that the program got; a few hundred ids at most.
local done = tonumber(ARGV[4])
if closed and length() == 0 then return {'ok'} end
if #ARGV > 4 + done then
  local begun = {unpack(ARGV, 5 + done)}
  for _, word in ipairs({'RETRYCOUNT', 1, 'JUSTID'}) do begun[#begun + 1] = word end
  redis.call('XCLAIM', stream, GROUP, me, 0, unpack(begun))
end
if done > 0 then
  delete({unpack(ARGV, 5, 4 + done)})
  left(closed, limit)
end
return {'ok'}
