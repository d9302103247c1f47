#!lua
-- Takes or renews a lease. Each new holder gets a higher fencing epoch.
--
-- KEYS[1]  {gh}:lease:<name>   <epoch> <holder>
-- KEYS[2]  {gh}:head           field epoch:<name>
-- ARGV[1]  name of the lease
-- ARGV[2]  holder
-- ARGV[3]  lifetime, milliseconds
--
-- Result   {1, epoch}          held
--          {0, epoch}          held by another, under that epoch
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

local field = "epoch:" .. ARGV[1]
local lease = redis.call("GET", KEYS[1])
if lease then
  local epoch, holder = string.match(lease, "^(%d+) (.*)$")
  if holder ~= ARGV[2] then return { 0, tonumber(epoch) } end
  redis.call("PEXPIRE", KEYS[1], ARGV[3])
  return { 1, tonumber(epoch) }
end
local epoch = redis.call("HINCRBY", KEYS[2], field, 1)
redis.call("SET", KEYS[1], epoch .. " " .. ARGV[2], "PX", ARGV[3])
return { 1, epoch }
