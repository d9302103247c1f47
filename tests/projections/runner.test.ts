import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RunnerNodes, append, runnerNodes, story, token } from "../support/runner-nodes.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { commitAfter, eventually, eventsAfter } from "../support/records.ts"
import { mkdtempSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import type { EventStore } from "../../src/platform/event-store.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"
import { join } from "node:path"
import { memoryEventStore } from "../../src/platform/memory-event-store.ts"
import { snapshotName } from "../../src/projections/snapshot.ts"

/** Longer than a machine takes that does other things besides, milliseconds. */
const patience = 10_000
const genesis = { position: 0, hash: genesisHash }
let server: RedisServer
let nodes: RunnerNodes

beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.command("FLUSHALL")
  nodes = runnerNodes()
  return () => nodes.stop()
})

describe("a node's projections", () => {
  test("hold what is in the log, and what comes", async () => {
    const store = await nodes.openStore(server)
    await append(store, story.slice(0, 5))
    const one = nodes.node(store)
    expect(one.ready).toBe(false)
    await eventually(() => one.live)
    expect(one.ready).toBe(true)
    expect(one.position).toBe(5)
    await append(store, story.slice(5))
    expect(await one.reached(12, patience)).toBe(true)
    expect([...one.world.objects["api-token"].keys()].sort()).toEqual(["a", "b", "c", "e"])
    expect(one.writable()).toBe(true)
  })

  test("are the same from any snapshot with the tail as from the log alone", async () => {
    const events = eventsAfter(genesis, story)
    const whole = nodes.node(memoryEventStore(() => 0, { events }))
    await eventually(() => whole.live)
    for (let cut = 0; cut <= events.length; cut++) {
      const folder = mkdtempSync(join(nodes.home, "cut-"))
      const first = nodes.node(
        memoryEventStore(() => 0, { events: events.slice(0, cut) }),
        { home: folder },
      )
      await eventually(() => first.live)
      await first.stop()
      const second = nodes.node(
        memoryEventStore(() => 0, { events }),
        { home: folder },
      )
      expect(second.position).toBe(cut)
      expect(second.ready).toBe(cut > 0)
      await eventually(() => second.live)
      expect(second.digest()).toEqual(whole.digest())
    }
  })

  test("are waited for no longer than until the store's snapshot has the position", async () => {
    const store = memoryEventStore(() => 0, { events: eventsAfter(genesis, story) })
    const first = nodes.node(store, { home: mkdtempSync(join(nodes.home, "first-")) })
    await eventually(() => first.live)
    await first.stop()
    expect(await store.snapshot(snapshotName)).toBeDefined()
    const second = nodes.node(store, { home: mkdtempSync(join(nodes.home, "second-")) })
    expect(second.position).toBe(0)
    expect(await second.reached(story.length, patience)).toBe(true)
  })

  test("of two nodes have equal digests, and other digests one event later", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(await nodes.openStore(server), { home: join(nodes.home, "1") })
    const two = nodes.node(await nodes.openStore(server), { home: join(nodes.home, "2") })
    await eventually(() => one.live && two.live)
    expect(one.digest()).toEqual(two.digest())
    const before = one.digest()
    await append(store, [token("z")])
    await Promise.all([one.reached(13, patience), two.reached(13, patience)])
    expect(one.digest()).toEqual(two.digest())
    expect(one.digest().kinds["api-token"]).not.toBe(before.kinds["api-token"])
    expect(one.digest().kinds["proxy"]).toBe(before.kinds["proxy"])
  })

  test("are not changed by a repeated delivery", async () => {
    const events = eventsAfter(genesis, story)
    const memory = memoryEventStore(() => 0, { events: events.slice(0, 6) })
    let repeats = 0
    const repeating: EventStore = {
      ...memory,
      tail: async (_, cursor) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        return { events: events.slice(0, Math.min(6 + ++repeats, 12)), outcomes: [], cursor }
      },
      head: async () => ({ position: 12, hash: events[11]!.hash }),
    }
    const seen: number[] = []
    const one = nodes.node(repeating)
    one.listen((news) => seen.push(...news.map(({ position }) => position)))
    expect(await one.reached(12, patience)).toBe(true)
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(one.fatal).toEqual([])
  })

  test("tell their listeners after folding, in order, and survive one that throws", async () => {
    const store = await nodes.openStore(server)
    const one = nodes.node(store)
    await eventually(() => one.live)
    const seen: [number, number][] = []
    one.listen(() => {
      throw new Error("broken listener")
    })
    const end = one.listen((events, world) => seen.push([events.at(-1)!.position, world.position]))
    await append(store, [token("a"), token("b")])
    await one.reached(2, patience)
    expect(seen).toEqual([[2, 2]])
    end()
    await append(store, [token("c")])
    await one.reached(3, patience)
    expect(seen).toHaveLength(1)
    expect(nodes.lines.join("")).toContain("broken listener")
  })

  test("resolve a command's outcome only with its events folded", async () => {
    const store = await nodes.openStore(server)
    const one = nodes.node(store)
    await eventually(() => one.live)
    const commit = commitAfter(await store.head(), [token("a"), token("b")])
    const outcome = one.awaitOutcome(commit.command_id, 2000).then((known) => [known?.status, one.position])
    await store.commit(commit)
    expect(await outcome).toEqual(["accepted", 2])
    expect(await one.awaitOutcome("unknown", 30)).toBeUndefined()
    const known = one.awaitOutcome(commit.command_id, 2000, commit.outcome)
    expect(await Promise.race([known, setImmediate("waits for something")])).toEqual(commit.outcome)
    expect(await one.reached(3, 30)).toBe(false)
  })
})

describe("a log that cannot be folded", () => {
  test("because of a gap stops the node loudly", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    await server.command("XDEL {gh}:events 7-0")
    const one = nodes.node(store)
    await eventually(() => one.fatal.length === 1)
    expect(one.fatal[0]!.message).toContain("from position 6 to 8")
    expect(one.writable()).toBe(false)
  })

  test("because of an unknown event type or a newer schema stops the node loudly", async () => {
    for (const event of [
      { ...token("a"), type: "TokenTeleported" },
      { ...token("a"), schema: 99 },
      { kind: "dragon" },
    ]) {
      const one = nodes.node(memoryEventStore(() => 0, { events: eventsAfter(genesis, [event]) }))
      await eventually(() => one.fatal.length === 1)
      expect(one.position).toBe(0)
    }
  })

  test("because one byte was flipped is named by its position; what stands before it is served", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    await server.command("BGREWRITEAOF")
    const event = (await store.read(4, 1))[0]!
    await server.command("FLUSHALL")
    const forged = eventsAfter(genesis, story).map((one) =>
      one.position === 5 ? { ...one, data: { cert_email: "b@example.com" } } : one,
    )
    expect(event.data).toEqual({ cert_email: "a@example.com" })
    await store.commit({ ...commitAfter(genesis, []), events: forged })
    const one = nodes.node(store)
    await eventually(() => one.problem !== null)
    expect(one.problem).toContain("position 5")
    expect(one.position).toBe(4)
    expect(one.writable()).toBe(false)
    expect(one.fatal).toEqual([])
  })
})

describe("a node without its store", () => {
  test("goes on serving when Redis is killed, and follows again without a gap when it is back", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    await server.kill()
    await eventually(() => !one.live)
    expect(one.ready).toBe(true)
    expect(one.problem).toBeNull()
    expect(one.writable()).toBe(false)
    expect(one.world.objects["api-token"].size).toBe(4)
    await server.restart()
    await eventually(() => one.live)
    await append(store, [token("z")])
    expect(await one.reached(13, patience)).toBe(true)
  })

  test("does the same when Redis is frozen", async () => {
    const store = await nodes.openStore(server)
    const one = nodes.node(store)
    await eventually(() => one.live)
    server.pause()
    await eventually(() => !one.live)
    server.resume()
    await eventually(() => one.live)
    await append(store, [token("a")])
    expect(await one.reached(1, patience)).toBe(true)
  })

  test("serves from its local snapshot, ready but not live, until Redis is there", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    const digest = one.digest()
    await one.stop()
    await server.kill()
    const again = nodes.node(nodes.unconnectedStore(server))
    expect(again.ready).toBe(true)
    expect(again.live).toBe(false)
    expect(again.digest()).toEqual(digest)
    await server.restart()
    await eventually(() => again.live)
    await append(store, [token("z")])
    expect(await again.reached(13, patience)).toBe(true)
  })

  test("and without a snapshot is not ready, and becomes it", async () => {
    await server.kill()
    const one = nodes.node(nodes.unconnectedStore(server))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(one.ready).toBe(false)
    await server.restart()
    await eventually(() => one.ready && one.live)
  })
})
