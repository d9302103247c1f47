#!lua
-- Removes the beginning of the log, and of the commands and decisions that belong to it, after it was archived.
--
-- KEYS[1]  {gh}:events
-- KEYS[2]  {gh}:commands
-- KEYS[3]  {gh}:decisions
-- ARGV[1]  last position to remove
-- ARGV[2]  its chain hash in the archive
-- ARGV[3]  last command to remove, or ""
-- ARGV[4]  last decision to remove, or ""
--
-- Result   {"trimmed", <events removed>}
--          {"other"}        that position holds another event, or is gone: nothing was removed
--          {"last"}         the log's last event stays: nothing was removed
--          {"needed", <group>}  a consumer group has not acknowledged everything up to there: nothing was removed
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

local function at_or_before(entry, limit)
  local ms, seq = string.match(entry, "^(%d+)%-(%d+)$")
  local limit_ms, limit_seq = string.match(limit, "^(%d+)%-(%d+)$")
  ms, seq, limit_ms, limit_seq = tonumber(ms), tonumber(seq), tonumber(limit_ms), tonumber(limit_seq)
  return ms < limit_ms or (ms == limit_ms and seq <= limit_seq)
end

-- Name of a group that still needs an entry up to `last`, or nil.
local function needed(stream, last)
  if redis.call("EXISTS", stream) == 0 then return nil end
  for _, group in ipairs(redis.call("XINFO", "GROUPS", stream)) do
    local facts = {}
    for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
    local oldest = redis.call("XPENDING", stream, facts["name"])[2]
    if oldest and at_or_before(oldest, last) then return facts["name"] end
    if not at_or_before(last, facts["last-delivered-id"]) then return facts["name"] end
  end
end

local last = ARGV[1] .. "-0"
local entry = redis.call("XRANGE", KEYS[1], last, last)[1]
if not entry then return { "other" } end
for i = 1, #entry[2], 2 do
  if entry[2][i] == "hash" and entry[2][i + 1] ~= ARGV[2] then return { "other" } end
end
if redis.call("XREVRANGE", KEYS[1], "+", "-", "COUNT", 1)[1][1] == last then return { "last" } end
local group = needed(KEYS[1], last) or (ARGV[3] ~= "" and needed(KEYS[2], ARGV[3]))
if group then return { "needed", group } end

local function after(id)
  local ms, seq = string.match(id, "^(%d+)%-(%d+)$")
  return ms .. "-" .. string.format("%d", tonumber(seq) + 1)
end
local removed = redis.call("XTRIM", KEYS[1], "MINID", string.format("%d", tonumber(ARGV[1]) + 1) .. "-0")
if ARGV[3] ~= "" then redis.call("XTRIM", KEYS[2], "MINID", after(ARGV[3])) end
if ARGV[4] ~= "" then redis.call("XTRIM", KEYS[3], "MINID", after(ARGV[4])) end
return { "trimmed", removed }
