#!lua
-- Takes an entry out of a consumer group and writes a dead letter for it, once.
--
-- KEYS[1]  stream of the group
-- KEYS[2]  {gh}:deadletters
-- ARGV[1]  consumer group
-- ARGV[2]  entry id
-- ARGV[3]  attempts
-- ARGV[4]  error
--
-- Result   1 buried, 0 the entry was not pending any more
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

if redis.call("XACK", KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call("XADD", KEYS[2], "*", "group", ARGV[1], "attempts", ARGV[3], "error", ARGV[4], "entry", ARGV[2])
return 1
