#!lua
-- The append-only file was rewritten: what was destroyed before the rewrite began is gone from it.
--
-- KEYS[1]  {gh}:erasure
-- ARGV[1]  count when the rewrite began
-- ARGV[2]  since when the oldest waited then; when it is another by now, a second node has seen to the same rewrite
--
-- Result   destroyed entries that are still in the file

local since, count = unpack(redis.call("HMGET", KEYS[1], "since", "count"))
if since ~= ARGV[2] then return tonumber(count or "0") end
local left = tonumber(count or "0") - tonumber(ARGV[1])
if left <= 0 then
  redis.call("DEL", KEYS[1])
  return 0
end
redis.call("HSET", KEYS[1], "count", left, "since", redis.call("TIME")[1])
return left
