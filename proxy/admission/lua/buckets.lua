-- Buckets of the Redis store: a list of operations, done in order, all in one step on Redis's clock.
--
-- KEYS     one that never exists, then every key the operations touch, in the order in which they touch it; all share
--          one hash tag
-- ARGV[1]  msgpack, one flat list: now_us (0: Redis's own clock), then the operations one after the other
--
--   1 reserve   holder, n, n claims                  -> 1 or 0, n levels
--   2 settle    holder, n, n corrections             -> 1, or 0 where it was settled before; first key: the marker
--   3 renew     holder, n                            -> how many of the n leases were extended
--   4 peek      n, n claims                          -> n levels
--   5 announce  member, lease_us                     -> how many members there are
--   6 probe                                          -> 1, once a value has been written
--   7 secret    candidate                            -> the secret that was there, or the candidate; '': neither
--
--   claim       shadow (1 or 0), cost, limit         a key each
--   correction  window, excess, limit                a key each; an excess below zero is given back
--   limit       1, capacity, num, den, spent | 2, limit (a day's budget) | 3, limit (a month's) | 4, limit (slots)
--   spent       when a bucket that is not there was empty (-1: it is full)
--   level       granted (1 or 0), remaining, reset_after_us, retry_after_us (-1: never), window (0: none)
--
-- Values: 'level:remainder:stamp' (rate), 'used:window' (budget), a sorted set of holders by end of lease (slots).
-- The arithmetic is that of proxy/admission/bucket.py in doubles: exact, because no amount or product reaches 2^53.
-- The floor of a quotient of such integers is exact too: it is at least 1/divisor away from the next one above.

local MOST_MICRO = 9007199254740991
local FOREVER_US = 4503599627370496
local SLOT_RETRY_US = 1000000
local LEASE_US = 15000000
local LINGER_MS = 60000
local SETTLED_MS = 120000
local DAY_US = 86400000000
local SECRET_DIGITS = 64

local call, try = redis.call, redis.pcall
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local find, format, match = string.find, string.format, string.match

local arguments = cmsgpack.unpack(ARGV[1])
local arguments_read, keys_read = 0, 0
local answer, answered = {}, 0

local function argument()
  arguments_read = arguments_read + 1
  return arguments[arguments_read]
end

local function key()
  keys_read = keys_read + 1
  return KEYS[keys_read]
end

local function reply(value)
  answered = answered + 1
  answer[answered] = value
end

-- A Redis that is full, read-only or cannot save its data refuses a script at its first write: what only reads, or frees
-- memory before it takes some, would get through, and the rest not. This write changes nothing and goes to no replica;
-- with it Redis does all that it is told here, or nothing.
call('SET', key(), '', 'XX')

local now = argument()
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end

-- Of a command on a key that may hold another type: its answer, or false where it does, as of a key that is not there.
-- For commands that answer with a number, a string or nothing. Any other fault is thrown, by asking again.
local function of_type(command, ...)
  local found = try(command, ...)
  if type(found) ~= 'table' then
    return found
  end
  return not find(found.err, '^WRONGTYPE') and call(command, ...)
end

local function add(set, score, member)
  if not of_type('ZADD', set, score, member) then
    call('DEL', set)
    call('ZADD', set, score, member)
  end
end

local function time_to_gain(missing, remainder, num, den)
  if missing <= 0 then
    return 0
  end
  local times = floor(missing / num)
  if times * den >= FOREVER_US then
    return FOREVER_US
  end
  return min(times * den + ceil(((missing - times * num) * den - remainder) / num), FOREVER_US)
end

local rate = {}

function rate.read_limit(claim)
  claim.capacity, claim.num, claim.den, claim.spent = argument(), argument(), argument(), argument()
end

function rate.look(claim)
  local capacity, num, den = claim.capacity, claim.num, claim.den
  claim.level, claim.remainder, claim.stamp = capacity, 0, now
  local level, remainder, stamp = match(of_type('GET', claim.key) or '', '^(%-?%d+):(%d+):(%d+)$')
  if level then
    level, remainder, stamp = tonumber(level), tonumber(remainder), tonumber(stamp)
  elseif claim.spent >= 0 then
    level, remainder, stamp = 0, 0, claim.spent
  else
    return
  end
  if level >= capacity then
    claim.stamp = max(stamp, now)
    return
  end
  level = max(level, capacity - MOST_MICRO)
  if remainder >= den then
    remainder = 0
  end
  local elapsed = now - stamp
  if elapsed <= 0 then
    claim.level, claim.remainder, claim.stamp = level, remainder, stamp
  elseif elapsed < time_to_gain(capacity - level, remainder, num, den) then
    local times = floor(elapsed / den)
    local parts = (elapsed - times * den) * num + remainder
    local whole = floor(parts / den)
    claim.level, claim.remainder = level + times * num + whole, parts - whole * den
  end
end

function rate.grants(claim)
  return claim.level >= claim.cost
end

local function full_after(claim)
  if claim.level >= claim.capacity then
    return 0
  end
  return claim.stamp - now + time_to_gain(claim.capacity - claim.level, claim.remainder, claim.num, claim.den)
end

function rate.take(claim, cost)
  local level = claim.level - cost
  if level >= claim.capacity then
    claim.level, claim.remainder = claim.capacity, 0
  else
    claim.level = max(level, claim.capacity - MOST_MICRO)
  end
  local value = format('%.0f:%.0f:%.0f', claim.level, claim.remainder, claim.stamp)
  call('SET', claim.key, value, 'PX', ceil(full_after(claim) / 1000) + LINGER_MS)
end

function rate.tell(claim)
  reply(claim.level)
  reply(full_after(claim))
  if claim.granted then
    reply(0)
  elseif claim.cost > claim.capacity then
    reply(-1)
  else
    reply(claim.stamp - now + time_to_gain(claim.cost - claim.level, claim.remainder, claim.num, claim.den))
  end
  reply(0)
end

local day = {}

function day.read_limit(claim)
  claim.limit = argument()
end

function day.window_of(time)
  return floor(time / DAY_US)
end

function day.window_end(window)
  return (window + 1) * DAY_US
end

function day.look(claim)
  claim.used, claim.window = 0, claim.kind.window_of(now)
  local used, window = match(of_type('GET', claim.key) or '', '^(%d+):(%d+)$')
  if used and tonumber(window) >= claim.window then
    claim.used, claim.window = tonumber(used), tonumber(window)
  end
end

function day.grants(claim)
  return claim.limit - claim.used >= claim.cost
end

function day.take(claim, cost)
  claim.used = max(min(claim.used + cost, MOST_MICRO), 0)
  local left_us = claim.kind.window_end(claim.window) - now
  call('SET', claim.key, format('%.0f:%.0f', claim.used, claim.window), 'PX', ceil(left_us / 1000) + LINGER_MS)
end

function day.tell(claim)
  local left_us = claim.kind.window_end(claim.window) - now
  reply(claim.limit - claim.used)
  reply(left_us)
  if claim.granted then
    reply(0)
  else
    reply(claim.cost > claim.limit and -1 or left_us)
  end
  reply(claim.window)
end

local month = setmetatable({}, { __index = day })

function month.window_of(time)
  local days = floor(time / DAY_US) + 719468
  local era = floor(days / 146097)
  days = days - era * 146097
  local year = floor((days - floor(days / 1460) + floor(days / 36524) - floor(days / 146096)) / 365)
  days = days - (365 * year + floor(year / 4) - floor(year / 100))
  return (era * 400 + year) * 12 + floor((5 * days + 2) / 153) + 2
end

function month.window_end(window)
  local year = floor((window - 1) / 12)
  local months = window - 1 - year * 12
  local days = 365 * year + floor(year / 4) - floor(year / 100) + floor(year / 400) + floor((153 * months + 2) / 5)
  return (days - 719468) * DAY_US
end

local slots = {}

function slots.read_limit(claim)
  claim.limit = argument()
end

function slots.look(claim)
  claim.held = of_type('ZREMRANGEBYSCORE', claim.key, '-inf', now) and call('ZCARD', claim.key) or 0
end

function slots.grants(claim)
  return claim.held < claim.limit
end

local function lease(slots_key, holder)
  add(slots_key, now + LEASE_US, holder)
  call('PEXPIRE', slots_key, LEASE_US / 1000 + LINGER_MS)
end

function slots.take(claim, _, holder)
  lease(claim.key, holder)
  claim.held = claim.held + 1
end

function slots.tell(claim)
  reply(claim.limit - claim.held)
  reply(0)
  if claim.granted then
    reply(0)
  else
    reply(claim.limit >= 1 and SLOT_RETRY_US or -1)
  end
  reply(0)
end

local kinds = { rate, day, month, slots }

local function read_limit(claim)
  claim.key = key()
  claim.kind = kinds[argument()]
  claim.kind.read_limit(claim)
end

local function look(count)
  local claims, refused = {}, false
  for place = 1, count do
    local claim = { shadow = argument() == 1, cost = argument() }
    read_limit(claim)
    claim.kind.look(claim)
    claim.granted = claim.kind.grants(claim)
    refused = refused or not (claim.granted or claim.shadow)
    claims[place] = claim
  end
  return claims, refused
end

local function tell(claims)
  for _, claim in ipairs(claims) do
    reply(claim.granted and 1 or 0)
    claim.kind.tell(claim)
  end
end

local function reserve()
  local holder = argument()
  local claims, refused = look(argument())
  if not refused then
    for _, claim in ipairs(claims) do
      if claim.granted then
        claim.kind.take(claim, claim.cost, holder)
      end
    end
  end
  reply(refused and 0 or 1)
  tell(claims)
end

local function settle()
  local holder, count = argument(), argument()
  local first = call('SET', key(), '1', 'NX', 'PX', SETTLED_MS)
  for _ = 1, count do
    local window, excess, claim = argument(), argument(), {}
    read_limit(claim)
    if first and claim.kind == slots then
      of_type('ZREM', claim.key, holder)
    elseif first then
      claim.kind.look(claim)
      if claim.kind == rate or claim.window == window then
        claim.kind.take(claim, excess)
      end
    end
  end
  reply(first and 1 or 0)
end

local function renew()
  local holder, count, extended = argument(), argument(), 0
  for _ = 1, count do
    local slots_key = key()
    local expiry = of_type('ZSCORE', slots_key, holder)
    if expiry and tonumber(expiry) > now then
      lease(slots_key, holder)
      extended = extended + 1
    end
  end
  reply(extended)
end

local function peek()
  tell((look(argument())))
end

local function announce()
  local members, member, lease_us = key(), argument(), argument()
  of_type('ZREMRANGEBYSCORE', members, '-inf', now)
  add(members, now + lease_us, member)
  call('PEXPIRE', members, ceil(lease_us / 1000))
  reply(call('ZCARD', members))
end

local function probe()
  call('SET', key(), now, 'PX', LINGER_MS)
  reply(1)
end

local function secret()
  local secret_key = key()
  call('SET', secret_key, argument(), 'NX')
  local kept = match(of_type('GET', secret_key) or '', '^%s*(%x+)%s*$')
  reply(kept and #kept == SECRET_DIGITS and kept or '')
end

local operations = { reserve, settle, renew, peek, announce, probe, secret }

while arguments_read < #arguments do
  operations[argument()]()
end
return cmsgpack.pack(answer)
