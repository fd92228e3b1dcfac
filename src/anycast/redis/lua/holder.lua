-- Goes after check.lua before each script that is about the messages of a process. Checks that the
-- process still has its messages. ARGV[3] is "1" if no such script of this consumer was answered
-- yet: then the consumer is new, or has no message that the process knows of.
-- Returns "lost" if the lease of the process has run out, and its messages were given to others.
local now = clock()
if ARGV[3] ~= '1' and tonumber(redis.call('ZSCORE', processes, me) or 0) == 0 then
  return {'lost'}
end
