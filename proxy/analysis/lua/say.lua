-- Operators' words on campaigns.
--
-- KEYS  words (hash: campaign id -> word), version of the words, records (hash: campaign id -> record)
-- ARGV  version, 1 (only of a campaign that has a record) or 0, then id and word of each
-- Returns how many words were taken down.

local call = redis.call
local taken = 0

for index = 3, #ARGV, 2 do
  if ARGV[2] == '0' or call('HEXISTS', KEYS[3], ARGV[index]) == 1 then
    call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
    taken = taken + 1
  end
end
if taken > 0 then
  call('SET', KEYS[2], ARGV[1])
end
return taken
