#!lua
-- Gives a lease back, if it is still the holder's.
--
-- KEYS[1]  {gh}:lease:<name>   <epoch> <holder>
-- ARGV[1]  holder
--
-- Result   1 given back, 0 it was not the holder's
-- Errors   READONLY

local lease = redis.call("GET", KEYS[1])
if not lease or string.match(lease, "^%d+ (.*)$") ~= ARGV[1] then return 0 end
return redis.call("UNLINK", KEYS[1])
