// Prints every event that the token may see, and goes on where it was after it was stopped in whatever way:
// GATEHOUSE_TOKEN=… node clients/gatehouse-events/examples/follow.ts
import { fileCheckpoint, follow } from "../src/index.ts"

const { GATEHOUSE_URL = "http://127.0.0.1:9000", GATEHOUSE_TOKEN = "", CHECKPOINT = "events.position" } = process.env
const stop = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort())

const events = follow({
  url: GATEHOUSE_URL,
  token: GATEHOUSE_TOKEN,
  from: 1,
  checkpoint: fileCheckpoint(CHECKPOINT),
  signal: stop.signal,
  interrupted: (reason, waitMs) => process.stderr.write(`${String(reason)}; again in ${Math.round(waitMs)} ms\n`),
})
for await (const event of events) {
  const what = event.type === "ProxyCreated" ? ` → ${event.data.target_url}` : ""
  process.stdout.write(`${event.position} ${event.type} ${event.aggregate}${what} by ${event.actor}\n`)
}
