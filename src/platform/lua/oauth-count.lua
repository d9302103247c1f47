#!lua
-- Counts one event in a fixed window.
-- KEYS[1] counter
-- ARGV[1] length of the window, milliseconds
-- Result: {count in this window, milliseconds until it ends}
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
