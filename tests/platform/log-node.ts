import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { commandBus } from "../../src/platform/command-bus.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { crashPoints } from "../../src/platform/crash-point.ts"
import { keepLease } from "../../src/platform/lease.ts"
import { logger } from "../../src/platform/log.ts"
import { projectionRunner } from "../../src/projections/runner.ts"
import { randomUUID } from "node:crypto"
import { redisEventStore } from "../../src/platform/redis-event-store.ts"
import { tokenModel } from "../support/token-model.ts"
import { writeSync } from "node:fs"

/**
 * The log's whole way of a write as a process that can be killed: submits TokenCreated for each name of argv, under a key of its
 * own, prints each acknowledged name, and ends when all are acknowledged. `REDIS_URL`, `HOME_DIR`, `CRASH_AT`,
 * and `WAY`: `stream` takes none of them past the stream.
 */
const { REDIS_URL = "", HOME_DIR = "", CRASH_AT, WAY } = process.env
const crash = crashPoints(CRASH_AT)
const now = () => new Date()
const log = logger("WARNING", now, (line) => writeSync(2, line))
const store = redisEventStore((name, purpose) => connectRedis(REDIS_URL, name, purpose, log))
const stop = new AbortController()

const onFatal = (error: Error) => {
  throw error
}
const runner = projectionRunner({ store, home: HOME_DIR, log, crash, onFatal, blockMs: 100, snapshotEvery: 2 })
const { lead, decideAtOnce } = deciderLoop({ store, model: tokenModel, now, crash, log, blockMs: 100 })
const tasks = [
  runner.run(stop.signal),
  keepLease({ store, name: "decider", holder: randomUUID(), lead, signal: stop.signal, log, ttlMs: 400, beatMs: 100 }),
]
const bus = commandBus(store, runner.awaitOutcome, now, { crash, ...(WAY !== "stream" && { decideAtOnce }) })
while (!runner.live) await new Promise((resolve) => setTimeout(resolve, 5))
for (const name of process.argv.slice(2)) {
  const request = { type: "CreateToken", data: { name }, actor: { name: "ADMIN", admin: true }, idempotencyKey: name }
  for (;;) {
    const executed = await bus.execute(request)
    if (executed.status === "accepted") break
  }
  writeSync(1, `${name}\n`)
}
stop.abort()
await Promise.all(tasks)
await store.close()
