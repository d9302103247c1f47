-- Load of the bench. Every connection goes to 127.0.0.1 while SNI and Host carry the name in the URL, so that no name
-- service and no line in /etc/hosts is needed. Arguments: "check" or "count", path, octets of the expected body, number of
-- requests before the line "started" is written, and a file of bearer tokens (one per line) or "-".
-- Result: a line "bench requests wrong errors p50 p99".
local threads, requests, last = {}, {}, 0
local sent, beforeStart = 0, 0
wrong = 0

function wrk.resolve(_, service)
  wrk.addrs = wrk.lookup("127.0.0.1", service)
end

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local check, path, length, tokens = args[1] == "check", args[2], tonumber(args[3]), args[5]
  beforeStart = tonumber(args[4])
  if tokens == "-" then
    requests[1] = wrk.format("GET", path)
  else
    for token in io.lines(tokens) do
      table.insert(requests, wrk.format("GET", path, { Authorization = "Bearer " .. token }))
    end
  end
  if check then
    -- wrk reads every answer for this function: too dear for a measured round, so only the warm-up has it.
    function response(status, _, body)
      if status ~= 200 or #body ~= length then
        wrong = wrong + 1
      end
    end
  end
end

function request()
  if sent == beforeStart then
    io.stdout:write("started\n")
    io.stdout:flush()
  end
  sent = sent + 1
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local wrongs = summary.errors.status
  for _, thread in ipairs(threads) do
    wrongs = math.max(wrongs, thread:get("wrong"))
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format("bench %d %d %d %d %d", summary.requests, wrongs, errors,
    latency:percentile(50), latency:percentile(99)))
end
