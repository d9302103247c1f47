#!lua
-- The append-only file was rewritten: what was destroyed before the rewrite began is gone from it.
--
-- KEYS[1]  {gh}:erasure
-- ARGV[1]  count when the rewrite began
--
-- Result   destroyed entries that are still in the file

local count = tonumber(redis.call("HGET", KEYS[1], "count") or "0")
local left = count - tonumber(ARGV[1])
if left <= 0 then
  redis.call("DEL", KEYS[1])
  return 0
end
redis.call("HSET", KEYS[1], "count", left, "since", redis.call("TIME")[1])
return left
