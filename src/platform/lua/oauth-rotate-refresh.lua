#!lua
-- Rotates a refresh token family (RFC 9700 §4.14.2).
-- KEYS[1] refresh family
-- KEYS[2] index of refresh families
-- ARGV[1] client_id of the authenticated client
-- ARGV[2] generation of the presented token
-- ARGV[3] now, milliseconds
-- ARGV[4] grace, milliseconds: the token before the current one gets the current one again while that is unused
-- ARGV[5] life of the family without use, milliseconds
-- Result: {'current', generation} | {'reused'} | {'refused'} | {'unknown'}
-- The successor counts as unused for as long as it is the current generation: presenting it makes a new one.
local text = redis.call('GET', KEYS[1])
if not text then return {'unknown'} end
local family = cjson.decode(text)
local presented, now = tonumber(ARGV[2]), tonumber(ARGV[3])
if family.client_id ~= ARGV[1] then return {'refused'} end
if family.dead then return {'reused'} end
if presented > family.generation then return {'unknown'} end
if presented == family.generation then
  family.generation = family.generation + 1
  family.rotated_at = now
  redis.call('SET', KEYS[1], cjson.encode(family), 'PX', ARGV[5])
  redis.call('ZADD', KEYS[2], now + ARGV[5], KEYS[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[3])
  return {'current', family.generation}
end
if presented == family.generation - 1 and now - family.rotated_at <= tonumber(ARGV[4]) then
  return {'current', family.generation}
end
family.dead = true
redis.call('SET', KEYS[1], cjson.encode(family), 'KEEPTTL')
redis.call('ZREM', KEYS[2], KEYS[1])
return {'reused'}
