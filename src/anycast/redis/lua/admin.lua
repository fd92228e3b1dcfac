-- Goes after common.lua before each script of an operator, who is no process of the channel.
-- Checks that the channel exists, and that its format is known.
-- Returns "missing" or "version" if not.
local settings = redis.call('HMGET', meta, 'version', 'closed', 'limit', 'lease', 'max_deliveries',
  'dead_limit')
if not settings[1] then return {'missing'} end
if settings[1] ~= VERSION then return {'version', settings[1]} end
-- After so many bytes of bodies a script stops: the server serves no other client meanwhile.
local MOST_BYTES = 1048576
local closed, limit = settings[2] == '1', tonumber(settings[3])

-- Whether the channel has ended: the channel is closed, and the last message has left the stream.
local function ended() return closed and length() == 0 end

-- Whether somebody deleted the messages of the channel.
local function lost() return not closed and redis.call('EXISTS', stream) == 0 end

-- The fields of a dead letter, by name.
local function fields_of(letter)
  local fields = {}
  for at = 1, #letter[2], 2 do fields[letter[2][at]] = letter[2][at + 1] end
  return fields
end
