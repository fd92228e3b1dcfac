-- Open a closed channel again, so that sends are accepted. `born` stays, so a process that has not
-- noticed the close goes on. A stream or a group that is missing is made anew: finish() deleted
-- them at the end of the channel, or somebody else deleted them.
redis.call('HSET', meta, 'closed', '0')
if not redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM').err then
  -- The group is new, so every message of the stream is fresh.
  redis.call('DEL', returned, suspects, delayed, counts, errors, crashes)
end
-- The hints of the close expire, so new hints take their place.
redis.call('DEL', room, ready)
if length() < limit then hint(room) end
if available() then hint(ready) end
return {'ok'}
