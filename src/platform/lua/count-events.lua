#!lua
-- Counts events in buckets, each a hash of name to number.
-- KEYS[1] bucket of the minute, KEYS[2] of the hour, KEYS[3] of all time, whose fields `@name` hold when a name was last counted
-- ARGV[1…3] life of each bucket without an event, milliseconds
-- ARGV[4] now, milliseconds
-- ARGV[5…] name, count, name, count …
-- Result: 1
for bucket = 1, 3 do
  for i = 5, #ARGV, 2 do redis.call('HINCRBY', KEYS[bucket], ARGV[i], ARGV[i + 1]) end
  redis.call('PEXPIRE', KEYS[bucket], ARGV[bucket])
end
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[3], '@' .. ARGV[i], ARGV[4]) end
return 1
