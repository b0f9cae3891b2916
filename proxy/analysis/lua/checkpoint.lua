-- The state of whoever holds the lease, with the place in the stream that it has come to.
--
-- KEYS  lease, checkpoint
-- ARGV  token, checkpoint
-- Returns 1, or 0 where the lease is not the caller's: nothing is changed then.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2])
return 1
