#!lua
-- Appends a command with its vault entries, once per command id.
--
-- KEYS[1]  {gh}:commands
-- KEYS[2]  {gh}:outcome:<command id>
-- KEYS[3…] {gh}:secret:<ref>, one for each vault entry
-- ARGV[1]  the command, JSON
-- ARGV[2]  its outcome `queued`, JSON; it stays until the command is decided
-- ARGV[3…] sealed vault entries in the order of KEYS[3…]
--
-- Result   {"queued", <entry id>}
--          {"known", <outcome>}      the id is known: nothing was written
--          {"taken"}                 a vault entry of that name exists: nothing was written
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

local known = redis.call("GET", KEYS[2])
if known then return { "known", known } end
for i = 3, #KEYS do
  if redis.call("EXISTS", KEYS[i]) == 1 then return { "taken" } end
end

for i = 3, #KEYS do
  redis.call("SET", KEYS[i], ARGV[i])
end
redis.call("SET", KEYS[2], ARGV[2])
return { "queued", redis.call("XADD", KEYS[1], "*", "command", ARGV[1]) }
