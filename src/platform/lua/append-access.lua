#!lua
-- Appends a batch of finished requests to the access log as one entry, and drops the oldest batches.
--
-- KEYS[1]  {gha}:access    ids are `<requests ever appended>-0`, so that the oldest can be dropped by number of requests
-- KEYS[2]  {gha}:requests  requests ever appended
-- ARGV[1]  requests that are kept, in whole batches
-- ARGV[2]  requests in this batch
-- ARGV[3]  names of the columns, JSON
-- ARGV[4]  the requests, JSON: an array of rows
--
-- Result   requests ever appended
-- Errors   READONLY, OOM

local total = redis.call("INCRBY", KEYS[2], ARGV[2])
-- The count began anew: entries of before would have larger ids.
if total == tonumber(ARGV[2]) then redis.call("UNLINK", KEYS[1]) end
redis.call("XADD", KEYS[1], "MINID", math.max(0, total - ARGV[1]), total .. "-0", "columns", ARGV[3], "rows", ARGV[4])
return total
