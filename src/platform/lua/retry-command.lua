#!lua
-- Appends a dead command once more and removes its letter, once.
--
-- KEYS[1]  {gh}:commands
-- KEYS[2]  {gh}:deadletters
-- KEYS[3]  {gh}:outcome:<command id>
-- ARGV[1]  the command, JSON
-- ARGV[2]  its outcome `queued`, JSON
-- ARGV[3]  lifetime of the outcome, milliseconds
-- ARGV[4]  letter
--
-- Result   1 appended, 0 the letter is not there any more
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

if redis.call("XDEL", KEYS[2], ARGV[4]) == 0 then return 0 end
redis.call("SET", KEYS[3], ARGV[2], "PX", ARGV[3])
redis.call("XADD", KEYS[1], "*", "command", ARGV[1])
return 1
