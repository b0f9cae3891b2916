-- A batch of events goes to the end of the stream, once, however often it is sent.
--
-- KEYS  stream, totals (hash: events and bytes ever appended), mark of the sender (its last serial)
-- ARGV  serial, events in the batch, batch, bytes to keep, seconds to keep the mark
-- Returns 1, or 0 where the batch was there already. An entry: 'e' and 'b', the totals with it; 'd', the batch.
-- The oldest entries go when more than the bytes to keep have come after them.

local call = redis.call
local stream, totals, mark = KEYS[1], KEYS[2], KEYS[3]
local serial, batch, keep = tonumber(ARGV[1]), ARGV[3], tonumber(ARGV[4])

if serial <= tonumber(call('GET', mark) or '0') then
  return 0
end
call('SET', mark, serial, 'EX', ARGV[5])
local events = call('HINCRBY', totals, 'events', ARGV[2])
local bytes = call('HINCRBY', totals, 'bytes', #batch)
call('XADD', stream, '*', 'e', events, 'b', bytes, 'd', batch)

while true do
  local oldest = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if bytes - tonumber(oldest[2][4]) <= keep then
    return 1
  end
  call('XTRIM', stream, 'MAXLEN', call('XLEN', stream) - 1)
end
