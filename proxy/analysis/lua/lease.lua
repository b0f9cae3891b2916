-- Takes, extends or gives back the lease of the one analyser that publishes.
--
-- KEYS  lease
-- ARGV  token of whoever asks, milliseconds (0: gives it back)
-- Returns 2: taken now, 1: extended, 0: another's, or given back.

local holder = redis.call('GET', KEYS[1])
local mine, lasting = holder == ARGV[1], tonumber(ARGV[2])

if lasting == 0 then
  if mine then
    redis.call('DEL', KEYS[1])
  end
  return 0
end
if mine then
  redis.call('PEXPIRE', KEYS[1], lasting)
  return 1
end
if holder then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', lasting)
return 2
