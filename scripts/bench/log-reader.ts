// One reading of the log in a process of its own: node log-reader.ts raw|replay|start <Redis URL> <folder>
import { connectRedis } from "../../src/platform/redis.ts"
import { untilReady } from "../../src/platform/redis-call.ts"
import { logger } from "../../src/platform/log.ts"
import { projectionRunner } from "../../src/projections/runner.ts"
import { redisEventStore } from "../../src/platform/redis-event-store.ts"
import { replay } from "../../src/projections/replay.ts"
import { setTimeout as sleep } from "node:timers/promises"

const [, , what, url = "", home = ""] = process.argv
const log = logger(
  "ERROR",
  () => new Date(),
  (line) => process.stderr.write(line),
)
const connect = (name: string, purpose: "command" | "blocking") => connectRedis(url, name, purpose, log)

async function raw(): Promise<number> {
  const redis = connect("raw", "blocking")
  await untilReady(redis, 5000)
  let last = 0
  for (;;) {
    const page = await redis.xrange("{gh}:events", `${last + 1}-0`, "+", "COUNT", 1000)
    if (page.length === 0) break
    last = Number(page.at(-1)![0].split("-")[0])
  }
  redis.disconnect()
  return last
}

async function replayed(): Promise<number> {
  const store = redisEventStore(connect)
  const { position } = await store.head()
  const world = await replay(store, { position })
  await store.close()
  return world.position
}

/** Until this node's projections are at the head that it saw at its start; then it saves its snapshots and ends. */
async function started(found: (position: number) => void): Promise<void> {
  const store = redisEventStore(connect)
  const ending = new AbortController()
  const onFatal = (error: Error) => process.stderr.write(`${error.message}\n`)
  const runner = projectionRunner({ store, home, log, crash: () => undefined, onFatal, blockMs: 100 })
  const running = runner.run(ending.signal)
  while (!runner.live) await sleep(1)
  found(runner.position)
  ending.abort()
  await running
  await store.close()
}

const began = performance.now()
const print = (position: number) => {
  const megabytes = Math.round(process.memoryUsage.rss() / 1_048_576)
  const { user, system } = process.cpuUsage()
  const cpu = (user + system) / 1000
  process.stdout.write(JSON.stringify({ cpu, milliseconds: performance.now() - began, megabytes, position }))
}
if (what === "start") await started(print)
else print(what === "raw" ? await raw() : await replayed())
