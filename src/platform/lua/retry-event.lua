#!lua
-- Gives an event back to the consumer group that gave up on it, and removes its letter, once.
--
-- KEYS[1]  {gh}:events
-- KEYS[2]  {gh}:deadletters
-- ARGV[1]  consumer group
-- ARGV[2]  entry id
-- ARGV[3]  letter
-- ARGV[4]  milliseconds that the entry counts as left alone
--
-- Result   1 given back, 0 the letter, the event or the group is not there any more
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

if #redis.call("XRANGE", KEYS[2], ARGV[3], ARGV[3]) == 0 then return 0 end
if #redis.call("XRANGE", KEYS[1], ARGV[2], ARGV[2]) == 0 then return 0 end
local known = false
for _, group in ipairs(redis.call("XINFO", "GROUPS", KEYS[1])) do
  for i = 1, #group, 2 do
    if group[i] == "name" and group[i + 1] == ARGV[1] then known = true end
  end
end
if not known then return 0 end
redis.call("XCLAIM", KEYS[1], ARGV[1], "retry", 0, ARGV[2], "IDLE", ARGV[4], "RETRYCOUNT", 0, "FORCE", "JUSTID")
redis.call("XDEL", KEYS[2], ARGV[3])
return 1
