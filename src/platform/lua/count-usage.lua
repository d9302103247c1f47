#!lua
-- Adds a batch of requests to the usage of the things that they were made with.
-- KEYS[n] hash: `requests`, `last`, and when each label was last seen
-- ARGV[1] labels that are kept at most for one thing
-- then for each key in order: life without a request in milliseconds, requests in this batch, time of the newest in
-- milliseconds, number of labels, label, time, label, time …
-- Result: 1
-- A batch of another node may be older than what stands there: times only grow. A label beyond the limit is not kept.
local function later(key, field, at)
  local known = redis.call('HGET', key, field)
  if not known and redis.call('HLEN', key) >= ARGV[1] + 2 then return end
  if not known or tonumber(known) < tonumber(at) then redis.call('HSET', key, field, at) end
end
local at = 2
for _, key in ipairs(KEYS) do
  redis.call('HINCRBY', key, 'requests', ARGV[at + 1])
  later(key, 'last', ARGV[at + 2])
  local labels = tonumber(ARGV[at + 3])
  for i = at + 4, at + 3 + 2 * labels, 2 do later(key, ARGV[i], ARGV[i + 1]) end
  redis.call('PEXPIRE', key, ARGV[at])
  at = at + 4 + 2 * labels
end
return 1
