#!lua
-- Stores a record that expires, and its line in the index of its kind.
-- KEYS[1] record
-- KEYS[2] index: sorted set of lines by the time that the record counts as expired, milliseconds
-- ARGV[1] record
-- ARGV[2] its life, milliseconds
-- ARGV[3] how long it is kept after that, milliseconds
-- ARGV[4] facets after the key in its line, '' for none
-- Result: 1
-- The clock is Redis's own, as it is for the record's life. Lines of records that are gone go with the next write.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2] + ARGV[3])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[4] == '' and KEYS[1] or KEYS[1] .. ' ' .. ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. string.format('%.0f', now - ARGV[3]))
return 1
