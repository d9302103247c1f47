#!lua
-- Appends finished requests to the access log, one entry each.
--
-- KEYS[1]   {gha}:access
-- ARGV[1]   most entries that are kept; older ones go
-- ARGV[2…]  records, JSON
--
-- Result   number of records
-- Errors   READONLY, OOM

for i = 2, #ARGV do
  redis.call("XADD", KEYS[1], "MAXLEN", "~", ARGV[1], "*", "record", ARGV[i])
end
return #ARGV - 1
