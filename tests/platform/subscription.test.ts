import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { EventRecord, EventStore } from "../../src/platform/event-store.ts"
import { type EventSketch, commitAfter, eventually, recordedLog } from "../support/records.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type SubscriptionOptions, subscribe } from "../../src/platform/subscription.ts"
import { getEventListeners } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { connectRedis } from "../../src/platform/redis.ts"
import { connectedStore } from "../support/connected-store.ts"

const { log } = recordedLog()
let server: RedisServer
let store: EventStore
const connect: SubscriptionOptions["connect"] = (name, purpose) => connectRedis(server.url, name, purpose, log)

beforeAll(async () => {
  server = await redisServer()
  store = await connectedStore(connect)
})
afterAll(async () => {
  await store.close()
  await server.stop()
})
beforeEach(async () => void (await server.command("FLUSHALL")))
const running = new Set<{ stop(): Promise<void> }>()
afterEach(() => Promise.all([...running].map((one) => one.stop())))

async function append(...events: EventSketch[]): Promise<void> {
  const committed = await store.commit(commitAfter(await store.head(), events))
  expect(committed).toEqual({ status: "committed" })
}

/** A consumer that notes the positions it was given. */
function consumer(name: string, more: Partial<SubscriptionOptions> = {}) {
  const stop = new AbortController()
  const given: number[] = []
  const { handle = async () => {}, ...options } = more
  const done = subscribe({
    connect,
    group: "effect",
    consumer: name,
    signal: stop.signal,
    log,
    from: "start",
    backoff: [20, 20],
    lookMs: 30,
    progress: { world: { position: 0 }, reached: (_, waitMs) => sleep(waitMs, false) },
    ...options,
    handle: async (event: EventRecord, signal) => {
      given.push(event.position)
      await handle(event, signal)
    },
  })
  const one = {
    given,
    stop: async () => {
      stop.abort()
      await done
      running.delete(one)
    },
  }
  running.add(one)
  return one
}

const settled = () => eventually(async () => (await server.command("XPENDING {gh}:events effect")).includes(":0"))

describe("a subscription", () => {
  test("is given every event once, in order, as it was committed", async () => {
    await append({ id: "a", data: { n: 1 } }, { id: "b" })
    const events: EventRecord[] = []
    const one = consumer("one", { handle: async (event) => void events.push(event) })
    await eventually(() => one.given.length === 2)
    await append({ id: "c" })
    await eventually(() => one.given.length === 3)
    expect(events).toEqual(await store.read(0, 10))
    await settled()
    await one.stop()
  })

  test("of a new group begins after what is in the log already, unless it asks for the start", async () => {
    await append({}, {})
    const one = consumer("one", { from: "head" })
    await eventually(async () => (await server.command("XINFO GROUPS {gh}:events")).includes("effect"))
    await append({})
    await eventually(() => one.given.length === 1)
    expect(one.given).toEqual([3])
    await one.stop()
  })

  test("goes on after a restart where its group was", async () => {
    await append({}, {})
    const one = consumer("one")
    await eventually(() => one.given.length === 2)
    await settled()
    await one.stop()
    await append({})
    const again = consumer("one")
    await eventually(() => again.given.length === 1)
    expect(again.given).toEqual([3])
    await again.stop()
  })

  test("shares the events among its consumers, each event with one", async () => {
    const [one, two] = [consumer("one"), consumer("two")]
    await append(...Array.from({ length: 30 }, () => ({})))
    await eventually(() => one.given.length + two.given.length === 30)
    expect([...one.given, ...two.given].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, index) => index + 1),
    )
    await Promise.all([one.stop(), two.stop()])
  })

  test("tries a failing event again later, and the others do not wait for it", async () => {
    await append({ id: "bad" }, { id: "good" })
    let failures = 0
    const one = consumer("one", {
      backoff: [600],
      handle: async ({ id }) => {
        if (id === "bad" && failures++ === 0) throw new Error("not yet")
      },
    })
    await eventually(() => one.given.length === 3)
    expect(one.given).toEqual([1, 2, 1])
    await settled()
    await one.stop()
  })

  test("buries an event at the end of the backoff table, with group, attempts and error", async () => {
    await append({ id: "bad" })
    const one = consumer("one", {
      handle: async () => {
        throw new Error("never")
      },
    })
    await eventually(async () => (await server.command("XLEN {gh}:deadletters")).includes(":1"))
    expect(one.given).toEqual([1, 1, 1])
    const letter = await server.command("XRANGE {gh}:deadletters - +")
    for (const part of ["effect", "$1\r\n3", "never", "1-0"]) expect(letter).toContain(part)
    await settled()
    await one.stop()
  })

  test("counts attempts over restarts", async () => {
    await append({ id: "bad" })
    const failing = { backoff: [5000, 5000], handle: () => Promise.reject(new Error("never")) }
    for (let run = 1; run <= 3; run++) {
      const one = consumer("one", failing)
      await eventually(() => one.given.length === 1)
      await eventually(
        async () =>
          (await server.command("XPENDING {gh}:events effect - + 1")).endsWith(`:${run}\r\n+OK\r\n`) || run === 3,
      )
      await one.stop()
    }
    const last = consumer("one", failing)
    await eventually(async () => (await server.command("XLEN {gh}:deadletters")).includes(":1"))
    await last.stop()
  })

  test("takes over what a consumer that is gone has left", async () => {
    await append({}, {}, {})
    await server.command("XGROUP CREATE {gh}:events effect 0")
    await server.command("XREADGROUP GROUP effect gone COUNT 2 STREAMS {gh}:events >")
    const one = consumer("one", { idleMs: 300 })
    await eventually(() => one.given.length === 3)
    expect(one.given.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    await settled()
    await one.stop()
  })

  test("is not taken over while it works longer than the idle time", async () => {
    await append({})
    let finish = () => {}
    const slow = consumer("slow", { idleMs: 300, handle: () => new Promise<void>((resolve) => (finish = resolve)) })
    await eventually(() => slow.given.length === 1)
    // An hour passes at once; the next heartbeat begins anew.
    const idle = async () =>
      Number(/slow\r\n:(\d+)/.exec(await server.command("XPENDING {gh}:events effect - + 1"))![1])
    await server.command("XCLAIM {gh}:events effect slow 0 1-0 IDLE 3600000 JUSTID")
    await eventually(async () => (await idle()) < 60_000)
    const other = consumer("other", { idleMs: 60_000 })
    // A consumer looks for what was left before it takes what is new.
    await append({})
    await eventually(() => other.given.length > 0)
    expect(other.given).toEqual([2])
    finish()
    await settled()
    await Promise.all([slow.stop(), other.stop()])
  })

  test("takes no more events than it handles at the same time", async () => {
    await append({}, {}, {}, {})
    const releases: (() => void)[] = []
    const one = consumer("one", {
      concurrency: 2,
      handle: () => new Promise<void>((resolve) => releases.push(resolve)),
    })
    await eventually(() => releases.length === 2)
    expect(await server.command("XPENDING {gh}:events effect")).toContain(":2\r\n")
    releases.shift()!()
    await eventually(() => releases.length === 2)
    expect(one.given).toEqual([1, 2, 3])
    releases.splice(0).forEach((release) => release())
    await eventually(() => releases.length === 1)
    releases[0]!()
    await settled()
    await one.stop()
  })

  test("goes on by itself after Redis was killed and after it lost everything", async () => {
    await append({})
    const one = consumer("one")
    await eventually(() => one.given.length === 1)
    await settled()
    await server.restart()
    await eventually(() =>
      append({}).then(
        () => true,
        () => false,
      ),
    )
    await eventually(() => one.given.length === 2)
    await server.command("FLUSHALL")
    await append({}, {}, {})
    await eventually(() => one.given.length === 5)
    await one.stop()
  })

  test("leaves nothing behind on its signal for each event", async () => {
    await append(...Array.from({ length: 40 }, () => ({})))
    const listeners: number[] = []
    const handle = async (_: EventRecord, signal: AbortSignal) => {
      listeners.push(getEventListeners(signal, "abort").length)
    }
    const one = consumer("one", { handle, lookMs: 1000 })
    await eventually(() => one.given.length === 40)
    expect(Math.max(...listeners)).toBeLessThan(5)
    await one.stop()
  })

  test("waits for its running handler when it is stopped, and acknowledges what that did", async () => {
    await append({}, {})
    let finish = () => {}
    const one = consumer("one", { handle: () => new Promise<void>((resolve) => (finish = resolve)) })
    await eventually(() => one.given.length === 1)
    const stopped = one.stop()
    finish()
    await stopped
    expect(one.given).toEqual([1])
    await settled()
  })
})
