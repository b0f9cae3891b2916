-- The campaigns of whoever holds the lease take the place of those before.
--
-- KEYS  lease, verdicts, version of the verdicts, records (hash: campaign id -> record)
-- ARGV  token, verdicts, version, how many records go, their ids, then id and record of each that is new or changed
-- Returns 1, or 0 where the lease is not the caller's: nothing is changed then.

local call = redis.call

if call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
call('SET', KEYS[2], ARGV[2])
call('SET', KEYS[3], ARGV[3])
local gone = tonumber(ARGV[4])
for index = 5, 4 + gone do
  call('HDEL', KEYS[4], ARGV[index])
end
for index = 5 + gone, #ARGV, 2 do
  call('HSET', KEYS[4], ARGV[index], ARGV[index + 1])
end
return 1
