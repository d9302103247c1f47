#!lua
-- Notes how far a webhook was served, unless another worker leads.
--
-- KEYS[1]  {gh}:head         field epoch:<lease>
-- KEYS[2]  {gh}:deliveries   field <webhook id> → JSON
-- ARGV[1]  name of the worker's lease
-- ARGV[2]  fencing epoch of the worker
-- ARGV[3]  webhook id
-- ARGV[4]  note, JSON; "" removes it
--
-- Result   1   noted
--          0   fenced: nothing was written
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

local epoch = redis.call("HGET", KEYS[1], "epoch:" .. ARGV[1])
if epoch and epoch ~= ARGV[2] then return 0 end
if ARGV[4] == "" then redis.call("HDEL", KEYS[2], ARGV[3]) else redis.call("HSET", KEYS[2], ARGV[3], ARGV[4]) end
return 1
