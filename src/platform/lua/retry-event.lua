#!lua
-- Gives an event back to the consumer group that gave up on it, appends the command that records it, and removes its letter: all
-- of it or nothing, once.
--
-- KEYS[1]  {gh}:commands
-- KEYS[2]  {gh}:deadletters
-- KEYS[3]  {gh}:events
-- KEYS[4]  {gh}:outcome:<id of the recording command>
-- ARGV[1]  letter
-- ARGV[2]  the recording command, JSON
-- ARGV[3]  its outcome `queued`, JSON
-- ARGV[4]  consumer group
-- ARGV[5]  entry id
-- ARGV[6]  milliseconds that the entry counts as left alone
--
-- Result   {"queued"}
--          {"known", <outcome>}  the recording command is known: nothing was written
--          {"gone"}              the letter, the event or the group is not there any more: nothing was written
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

local known = redis.call("GET", KEYS[4])
if known then return { "known", known } end
if #redis.call("XRANGE", KEYS[2], ARGV[1], ARGV[1]) == 0 then return { "gone" } end
if #redis.call("XRANGE", KEYS[3], ARGV[5], ARGV[5]) == 0 then return { "gone" } end
local there = false
for _, group in ipairs(redis.call("XINFO", "GROUPS", KEYS[3])) do
  for i = 1, #group, 2 do
    if group[i] == "name" and group[i + 1] == ARGV[4] then there = true end
  end
end
if not there then return { "gone" } end
redis.call("XCLAIM", KEYS[3], ARGV[4], "retry", 0, ARGV[5], "IDLE", ARGV[6], "RETRYCOUNT", 0, "FORCE", "JUSTID")
redis.call("XDEL", KEYS[2], ARGV[1])
redis.call("SET", KEYS[4], ARGV[3])
redis.call("XADD", KEYS[1], "*", "command", ARGV[2])
return { "queued" }
