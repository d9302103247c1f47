#!lua
-- Applies one decided command, whole or not at all: every check stands before the first write, because Lua does not roll back.
--
-- KEYS[1]  {gh}:events
-- KEYS[2]  {gh}:head           fields seq, hash, epoch:decider, decided: newest command that was decided
-- KEYS[3]  {gh}:versions       field <kind>:<id> → position of the aggregate's last event
-- KEYS[4]  {gh}:outcomes
-- KEYS[5]  {gh}:outcome:<command id>
-- KEYS[6]  {gh}:commands
-- KEYS[7]  {gh}:deadletters
-- KEYS[8]  {gh}:decisions      outcomes without events: refused, dead, nothing to change
-- KEYS[9]  {gh}:erasure        fields since, count: destroyed vault entries that are still in the append-only file
-- KEYS[10…] {gh}:secret:<ref>, vault entries to destroy
-- ARGV[1]  fencing epoch of the decider
-- ARGV[2]  hash that the first event was chained to
-- ARGV[3]  outcome, JSON
-- ARGV[4]  lifetime of the outcome, milliseconds
-- ARGV[5]  entries that {gh}:outcomes keeps, about
-- ARGV[6]  consumer group of the decider
-- ARGV[7]  entry id of the command, or "" when it is not in the stream
-- ARGV[8]  dead letter as a JSON list of fields and values, or ""
-- ARGV[9]  the command, JSON, to append it in this step, or ""
-- ARGV[10] n: number of events, then n × (seq, <kind>:<id>, kind, id, type, schema, data, meta, hash)
-- then     n: number of expected versions, then n × (<kind>:<id>, version)
-- then     n: number of aggregates that are gone, then n × <kind>:<id>
--
-- Result   {"committed"}
--          {"duplicate", <outcome>}  the command was decided before; only its delivery is acknowledged
--          {"past"}                  the same, so long ago that its outcome has expired
--          {"fenced"}                another decider leads: nothing was written
--          {"conflict"}              head or a version differs: nothing was written
--          {"behind"}                the command that was to be appended is known, others wait before it, or nobody reads: nothing was written
-- Errors   OOM, READONLY, MISCONF before the first write (no allow-oom)

local at = 10
local function take()
  at = at + 1
  return ARGV[at - 1]
end

local known = redis.call("GET", KEYS[5])
if known and cjson.decode(known).status ~= "queued" then
  if ARGV[7] ~= "" then redis.call("XACK", KEYS[6], ARGV[6], ARGV[7]) end
  return { "duplicate", known }
end

local head = redis.call("HMGET", KEYS[2], "seq", "hash", "epoch:decider", "decided")
if head[3] and head[3] ~= ARGV[1] then return { "fenced" } end

local seq, hash, decided = head[1], head[2], head[4]
if not seq then
  -- The head was deleted: the log's last entry says the same.
  local last = redis.call("XREVRANGE", KEYS[1], "+", "-", "COUNT", 1)[1]
  seq, hash = "0", string.rep("0", 64)
  if last then
    seq = string.match(last[1], "^%d+")
    for i = 1, #last[2], 2 do
      if last[2][i] == "hash" then hash = last[2][i + 1] end
    end
  end
end

local function is_after(entry, other)
  -- Milliseconds have 13 digits: of one length, and so with sequence numbers of one length, entries compare as text.
  if #entry == #other and string.byte(entry, 14) == 45 and string.byte(other, 14) == 45 then return entry > other end
  local ms, n = string.match(entry, "^(%d+)%-(%d+)$")
  local other_ms, other_n = string.match(other, "^(%d+)%-(%d+)$")
  ms, other_ms = tonumber(ms), tonumber(other_ms)
  return ms > other_ms or (ms == other_ms and tonumber(n) > tonumber(other_n))
end
local newest = ARGV[7] ~= "" and not (decided and not is_after(ARGV[7], decided))

-- The outcome `queued` does not expire. So a command that has none and is not the newest was decided, however it came here again:
-- its consumer group was lost, or made anew by hand.
local function is_past()
  if known or ARGV[7] == "" then return false end
  if string.sub(KEYS[5], -#ARGV[7] - 1) == ":" .. ARGV[7] then
    -- What holds no command never had an outcome.
    for _, letter in ipairs(redis.call("XRANGE", KEYS[7], "-", "+")) do
      for i = 1, #letter[2], 2 do
        if letter[2][i] == "entry" and letter[2][i + 1] == ARGV[7] then return true end
      end
    end
    return false
  end
  if decided then return not newest end
  return seq ~= "0"
end
if is_past() then
  redis.call("XACK", KEYS[6], ARGV[6], ARGV[7])
  return { "past" }
end
-- A group that was lost is made anew by who reads from it, and begins behind what was decided until then.
local function has_group()
  local groups = redis.pcall("XINFO", "GROUPS", KEYS[6])
  for _, group in ipairs(groups) do
    if group[2] == ARGV[6] then return true end
  end
  return false
end
if ARGV[9] ~= "" then
  local last = redis.call("XREVRANGE", KEYS[6], "+", "-", "COUNT", 1)[1]
  if known or (last and last[1] or "0-0") ~= (decided or "0-0") or not has_group() then return { "behind" } end
end
if hash ~= ARGV[2] then return { "conflict" } end

local events = {}
for i = 1, tonumber(take()) do
  local event = {}
  for field = 1, 9 do event[field] = take() end
  if tonumber(event[1]) ~= tonumber(seq) + i then return { "conflict" } end
  events[i] = event
end
-- An aggregate without an entry proves nothing: {gh}:versions may have been deleted, and the head was compared above.
for _ = 1, tonumber(take()) do
  local stored = redis.call("HGET", KEYS[3], take())
  local version = tonumber(take())
  if stored and tonumber(stored) ~= version then return { "conflict" } end
end

local entry = ARGV[7]
if ARGV[9] ~= "" then
  entry = redis.call("XADD", KEYS[6], "*", "command", ARGV[9])
  newest = true
  -- Nobody needs to be given it.
  redis.call("XGROUP", "SETID", KEYS[6], ARGV[6], entry)
end
for _, event in ipairs(events) do
  redis.call("XADD", KEYS[1], event[1] .. "-0", "kind", event[3], "id", event[4], "type", event[5], "schema", event[6],
    "data", event[7], "meta", event[8], "hash", event[9])
  redis.call("HSET", KEYS[3], event[2], event[1])
  seq, hash = event[1], event[9]
end
redis.call("HSET", KEYS[2], "seq", seq, "hash", hash, "epoch:decider", ARGV[1], "decided", newest and entry or decided or "0-0")
for _ = 1, tonumber(take()) do redis.call("HDEL", KEYS[3], take()) end
if #KEYS > 9 then
  for i = 10, #KEYS do redis.call("UNLINK", KEYS[i]) end
  redis.call("HSETNX", KEYS[9], "since", redis.call("TIME")[1])
  redis.call("HINCRBY", KEYS[9], "count", 1)
end
if #events == 0 then redis.call("XADD", KEYS[8], "*", "outcome", ARGV[3], "entry", entry) end
if ARGV[8] ~= "" then redis.call("XADD", KEYS[7], "*", unpack(cjson.decode(ARGV[8]))) end
redis.call("SET", KEYS[5], ARGV[3], "PX", ARGV[4])
redis.call("XADD", KEYS[4], "MAXLEN", "~", ARGV[5], "*", "outcome", ARGV[3])
if ARGV[7] ~= "" then redis.call("XACK", KEYS[6], ARGV[6], ARGV[7]) end
return { "committed" }
