-- List dead letters, and change nothing.
-- ARGV: whether the newest letter comes first; the id of the letter to begin after, or ''; how many
-- letters to list at most; how many bytes of each body to return, or -1 for all.
-- Returns "ok", then for each letter: its id, the id of the message, its deliveries, its error, the
-- length of its body, the body, and the headers. Fewer letters are listed if the bodies are large;
-- at least one letter is listed unless there is no more.
local CHUNK = 16
local newest, from = ARGV[1] == '1', ARGV[2] ~= '' and '(' .. ARGV[2] or nil
local most, shown = tonumber(ARGV[3]), tonumber(ARGV[4])

local function read(count)
  if newest then return redis.call('XREVRANGE', dead, from or '+', '-', 'COUNT', count) end
  return redis.call('XRANGE', dead, from or '-', '+', 'COUNT', count)
end

local rows, bytes = {}, 0
while #rows < most and bytes < MOST_BYTES do
  local letters = read(math.min(CHUNK, most - #rows))
  if #letters == 0 then break end
  for _, letter in ipairs(letters) do
    if bytes >= MOST_BYTES then break end
    local fields = fields_of(letter)
    local body = fields.body or ''
    bytes = bytes + #body
    rows[#rows + 1] = {letter[1], fields.id or '0-0', fields.deliveries or '0', fields.error or '',
      #body, shown >= 0 and shown < #body and string.sub(body, 1, shown) or body,
      fields.headers or ''}
  end
  from = '(' .. rows[#rows][1]
end
return {'ok', rows}
