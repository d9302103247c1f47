#!lua
-- Appends a dead command once more, and the command that records it, and removes its letter: all of it or nothing, once.
--
-- KEYS[1]  {gh}:commands
-- KEYS[2]  {gh}:deadletters
-- KEYS[3]  {gh}:outcome:<id of the dead command>
-- KEYS[4]  {gh}:outcome:<id of the recording command>
-- ARGV[1]  letter
-- ARGV[2]  the recording command, JSON
-- ARGV[3]  its outcome `queued`, JSON
-- ARGV[4]  the dead command, JSON
-- ARGV[5]  its outcome `queued`, JSON
--
-- Result   {"queued"}
--          {"known", <outcome>}  the recording command is known: nothing was written
--          {"gone"}              the letter is not there any more: nothing was written
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

local known = redis.call("GET", KEYS[4])
if known then return { "known", known } end
if redis.call("XDEL", KEYS[2], ARGV[1]) == 0 then return { "gone" } end
redis.call("SET", KEYS[3], ARGV[5])
redis.call("XADD", KEYS[1], "*", "command", ARGV[4])
redis.call("SET", KEYS[4], ARGV[3])
redis.call("XADD", KEYS[1], "*", "command", ARGV[2])
return { "queued" }
