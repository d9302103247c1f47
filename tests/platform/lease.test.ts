import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type LeaseOptions, keepLease } from "../../src/platform/lease.ts"
import { commitAfter, eventually, recordedLog } from "../support/records.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"
import { connectedStore } from "../support/connected-store.ts"
import { within } from "../support/within.ts"

const { log } = recordedLog()
let server: RedisServer
let store: EventStore

beforeAll(async () => {
  server = await redisServer()
  store = await connectedStore((name, purpose) => connectRedis(server.url, name, purpose, log))
})
afterAll(async () => {
  await store.close()
  await server.stop()
})
beforeEach(async () => void (await server.command("FLUSHALL")))

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve())))

/** A candidate that notes when it leads. */
function candidate(holder: string, more: Partial<LeaseOptions> = {}) {
  const stop = new AbortController()
  const seen: string[] = []
  const left = Promise.withResolvers<void>()
  const done = keepLease({
    store,
    name: "decider",
    holder,
    // Long enough for a machine that is busy with other tests.
    ttlMs: 10_000,
    beatMs: 100,
    signal: stop.signal,
    log,
    lead: async (epoch, signal) => {
      seen.push(`leads ${epoch}`)
      await untilAborted(signal)
      seen.push("left")
      left.resolve()
    },
    ...more,
  })
  return {
    seen,
    /** Settles when it has left for the first time. */
    left: left.promise,
    stop: async () => {
      stop.abort()
      await done
    },
  }
}

describe("a lease", () => {
  test("is led by one of two, and by the other as soon as it is given back", async () => {
    const a = candidate("a")
    await eventually(() => a.seen.length > 0)
    const b = candidate("b")
    await new Promise((resolve) => setTimeout(resolve, 90))
    expect(b.seen).toEqual([])
    await a.stop()
    expect(a.seen).toEqual(["leads 1", "left"])
    // Long before the lease would end by itself.
    await eventually(() => b.seen.includes("leads 2"), 5000)
    await b.stop()
  })

  test("is kept by heartbeats for much longer than it lives", async () => {
    const a = candidate("a")
    const b = candidate("b")
    await eventually(() => a.seen.length + b.seen.length > 0)
    const lives = async () => Number(/:(\d+)/.exec(await server.command("PTTL {gh}:lease:decider"))![1])
    // Each time half of its life passes at once; the next heartbeat gives all of it back.
    for (let halves = 1; halves <= 4; halves++) {
      await server.command("PEXPIRE {gh}:lease:decider 5000")
      await eventually(async () => (await lives()) > 6000)
    }
    expect([...a.seen, ...b.seen]).toEqual(["leads 1"])
    await Promise.all([a.stop(), b.stop()])
  })

  test("that was lost to another aborts the lead", async () => {
    const a = candidate("a")
    await eventually(() => a.seen.length > 0)
    await server.command("SET {gh}:lease:decider '7 thief' PX 300")
    await eventually(() => a.seen.includes("left"))
    await eventually(() => a.seen.includes("leads 2"))
    await a.stop()
  })

  test("is left before it can be another's when the store does not answer, and taken again when it does", async () => {
    const a = candidate("a", { ttlMs: 1000 })
    await eventually(() => a.seen.length > 0)
    server.pause()
    await within(1000, () => a.left)
    server.resume()
    await eventually(() => a.seen.filter((line) => line.startsWith("leads")).length > 1)
    await a.stop()
  })

  test("is waited for while there is no store, for as long as it takes, and taken soon after, not a beat later", async () => {
    await server.kill()
    const a = candidate("a", { ttlMs: 900_000, beatMs: 300_000 })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(a.seen).toEqual([])
    await server.restart()
    await eventually(() => a.seen.includes("leads 1"))
    await a.stop()
  })

  test("is taken again one beat after its lead failed", async () => {
    let calls = 0
    const a = candidate("a", {
      lead: async (_, signal) => {
        if (++calls === 1) throw new Error("no")
        await untilAborted(signal)
      },
    })
    await eventually(() => calls === 2)
    await a.stop()
  })

  test("fences a leader that was paused: what it decided in the meantime is not committed", async () => {
    const old = await store.lease("decider", "paused", 50)
    const stale = commitAfter({ position: 0, hash: genesisHash }, [{}], { epoch: old.epoch })
    const b = candidate("b")
    await eventually(() => b.seen.includes("leads 2"))
    expect(await store.commit(stale)).toEqual({ status: "fenced" })
    expect((await store.head()).position).toBe(0)
    expect(await store.commit({ ...stale, epoch: 2 })).toEqual({ status: "committed" })
    await b.stop()
  })
})
