#!lua
-- Adds a batch of requests to the usage of one thing.
-- KEYS[1] hash: `requests`, `last`, and when each label was last seen
-- ARGV[1] life without a request, milliseconds
-- ARGV[2] requests in this batch
-- ARGV[3] time of the newest, milliseconds
-- ARGV[4] labels that are kept at most
-- ARGV[5…] label, time, label, time …
-- Result: 1
-- A batch of another node may be older than what stands there: times only grow. A label beyond the limit is not kept.
local function later(field, at)
  local known = redis.call('HGET', KEYS[1], field)
  if not known and redis.call('HLEN', KEYS[1]) >= ARGV[4] + 2 then return end
  if not known or tonumber(known) < tonumber(at) then redis.call('HSET', KEYS[1], field, at) end
end
redis.call('HINCRBY', KEYS[1], 'requests', ARGV[2])
later('last', ARGV[3])
for i = 5, #ARGV, 2 do later(ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
