import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { commandRecord, commitAfter, eventsAfter, recordedLog } from "../support/records.ts"
import type { Delivery, EventStore, Head } from "../../src/platform/event-store.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"
import { memoryEventStore } from "../../src/platform/memory-event-store.ts"
import { connectedStore } from "../support/connected-store.ts"

const genesis: Head = { position: 0, hash: genesisHash }
const { log } = recordedLog()
let server: RedisServer

beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())

/** Each store with a way to open it anew on the same data, as another process would. */
const stores = {
  memory: async () => {
    const store = memoryEventStore(() => performance.now())
    return { store, another: async () => store, close: () => store.close() }
  },
  redis: async () => {
    const open = () => connectedStore((name, purpose) => connectRedis(server.url, name, purpose, log))
    const opened = [await open()]
    const another = async () => opened[opened.push(await open()) - 1]!
    return { store: opened[0]!, another, close: () => Promise.all(opened.map((store) => store.close())) }
  },
}

describe.each(["memory", "redis"] as const)("the %s event store", (name) => {
  let store: EventStore
  let another: () => Promise<EventStore>
  beforeEach(async () => {
    await server.command("FLUSHALL")
    const made = await stores[name]()
    store = made.store
    another = made.another
    return async () => void (await made.close())
  })
  const committed = async (...args: Parameters<typeof commitAfter>) => {
    const commit = commitAfter(...args)
    expect(await store.commit(commit)).toEqual({ status: "committed" })
    return commit
  }
  const taken = async (): Promise<Delivery> => (await store.take(10, 500))[0]!

  describe("the log", () => {
    test("is empty at first", async () => {
      expect(await store.head()).toEqual(genesis)
      expect(await store.read(0, 10)).toEqual([])
      expect(await store.snapshot("world:1")).toBeUndefined()
      expect(await store.outcome("nobody")).toBeUndefined()
    })

    test("gives back what was committed, in order and in pages", async () => {
      const first = await committed(genesis, [
        { id: "a", data: { text: "ä\u2028\u0000😀", list: [1, { b: null }] } },
        { id: "b" },
      ])
      const second = await committed(await store.head(), [{ id: "c" }])
      const all = [...first.events, ...second.events]
      expect(await store.read(0, 1000)).toEqual(all)
      expect(await store.read(1, 1)).toEqual([all[1]])
      expect([await store.read(3, 10), await store.read(0, 0)]).toEqual([[], []])
      expect(await store.head()).toEqual({ position: 3, hash: all[2]!.hash })
      expect(await (await another()).read(0, 1000)).toEqual(all)
    })

    test("orders positions as numbers, not as text", async () => {
      await committed(
        genesis,
        Array.from({ length: 12 }, () => ({})),
      )
      expect((await store.read(8, 10)).map(({ position }) => position)).toEqual([9, 10, 11, 12])
    })

    test("never gives more than 1000 events at once", async () => {
      await committed(
        genesis,
        Array.from({ length: 1001 }, () => ({ data: 1 })),
      )
      expect(await store.read(0, 5000)).toHaveLength(1000)
    })
  })

  describe("a commit", () => {
    test("is refused as a conflict when it is chained to another head, and writes nothing", async () => {
      await committed(genesis, [{}])
      const late = commitAfter(genesis, [{}])
      expect(await store.commit(late)).toEqual({ status: "conflict" })
      expect((await store.head()).position).toBe(1)
      expect(await store.outcome(late.command_id)).toBeUndefined()
    })

    test("is refused as a conflict when its positions do not follow the head", async () => {
      const skipped = eventsAfter({ position: 4, hash: genesisHash }, [{}])
      expect(await store.commit({ ...commitAfter(genesis, []), events: skipped })).toEqual({ status: "conflict" })
      expect(await store.read(0, 10)).toEqual([])
    })

    test("is refused as a conflict when an aggregate has another version", async () => {
      await committed(genesis, [{ id: "a" }, { id: "a" }])
      const head = await store.head()
      const against = (version: number) =>
        commitAfter(head, [{ id: "a" }], { expected: [{ kind: "thing", id: "a", version }] })
      expect(await store.commit(against(1))).toEqual({ status: "conflict" })
      expect(await store.commit(against(0))).toEqual({ status: "conflict" })
      expect(await store.commit(against(2))).toEqual({ status: "committed" })
    })

    test("forgets the version of an aggregate that is gone", async () => {
      await committed(genesis, [{ id: "a" }], { gone: [{ kind: "thing", id: "a" }] })
      const again = { expected: [{ kind: "thing", id: "a", version: 0 }] }
      await committed(await store.head(), [{ id: "a" }], again)
    })

    test("happens once for a command, whatever the second one says", async () => {
      const first = await committed(genesis, [{}])
      const second = commitAfter(await store.head(), [{}, {}], { command_id: first.command_id })
      expect(await store.commit(second)).toEqual({ status: "duplicate", outcome: first.outcome })
      expect((await store.head()).position).toBe(1)
    })

    test("without events stores the outcome and leaves the head", async () => {
      const refused = commitAfter(genesis, [])
      const outcome = {
        ...refused.outcome,
        status: "rejected" as const,
        code: "in_use",
        detail: "no",
        extras: { references: ["x"] },
      }
      await committed(genesis, [], { command_id: refused.command_id, outcome })
      expect(await store.outcome(refused.command_id)).toEqual(outcome)
      expect(await store.head()).toEqual(genesis)
    })
  })

  describe("leases", () => {
    test("are held by one, renewed under the same epoch, and taken by another under a higher one", async () => {
      expect(await store.lease("decider", "a", 10_000)).toEqual({ held: true, epoch: 1 })
      expect(await store.lease("decider", "b", 10_000)).toEqual({ held: false, epoch: 1 })
      expect(await store.lease("decider", "a", 10_000)).toEqual({ held: true, epoch: 1 })
      await store.release("decider", "b")
      expect((await store.lease("decider", "b", 10_000)).held).toBe(false)
      await store.release("decider", "a")
      expect(await store.lease("decider", "b", 10_000)).toEqual({ held: true, epoch: 2 })
    })

    test("end by themselves, and then even the same holder gets a higher epoch", async () => {
      await store.lease("decider", "a", 20)
      await new Promise((resolve) => setTimeout(resolve, 40))
      expect(await store.lease("decider", "a", 20)).toEqual({ held: true, epoch: 2 })
    })

    test("of different names do not know each other", async () => {
      await store.lease("acme", "a", 10_000)
      expect(await store.lease("docker", "b", 10_000)).toEqual({ held: true, epoch: 1 })
    })

    test("fence a decider that was overtaken", async () => {
      const { epoch } = await store.lease("decider", "a", 10_000)
      await committed(genesis, [{}], { epoch })
      await store.release("decider", "a")
      await store.lease("decider", "b", 10_000)
      const stale = commitAfter(await store.head(), [{}], { epoch })
      expect(await store.commit(stale)).toEqual({ status: "fenced" })
      expect((await store.head()).position).toBe(1)
    })
  })

  describe("commands", () => {
    test("are submitted once for an id and delivered in order", async () => {
      const [one, two] = [commandRecord({ data: { n: 1 } }), commandRecord({ data: { n: 2 } })]
      expect(await store.submit(one, {})).toEqual({ status: "queued" })
      expect(await store.submit(two, {})).toEqual({ status: "queued" })
      const again = await store.submit({ ...one, data: "other" }, {})
      expect(again).toMatchObject({ status: "known", outcome: { status: "queued", command_id: one.id } })
      const deliveries = await store.take(10, 500)
      expect(deliveries.map(({ command }) => command)).toEqual([one, two])
      expect(deliveries.map(({ attempts }) => attempts)).toEqual([1, 1])
    })

    test("come again until they are decided; what is counted is the decisions that were begun", async () => {
      const command = commandRecord()
      await store.submit(command, {})
      const { entry } = await taken()
      const next = await another()
      for (const attempts of [2, 3]) {
        for (let lost = 1; lost <= 2; lost++) expect(await next.take(10, 100)).toMatchObject([{ entry, attempts }])
        await next.begin(entry, attempts)
      }
      await committed(genesis, [], { command_id: command.id, entry })
      expect(await next.take(10, 50)).toEqual([])
    })

    test("that were left undecided come before new ones", async () => {
      const [old, young] = [commandRecord(), commandRecord()]
      await store.submit(old, {})
      await taken()
      await store.submit(young, {})
      expect((await (await another()).take(10, 100)).map(({ command }) => command?.id)).toEqual([old.id])
    })

    test("that were decided before are acknowledged by the duplicate", async () => {
      const command = commandRecord()
      await store.submit(command, {})
      const { entry } = await taken()
      await committed(genesis, [{}], { command_id: command.id })
      const again = commitAfter(await store.head(), [{}], { command_id: command.id, entry })
      expect(await store.commit(again)).toMatchObject({ status: "duplicate" })
      expect(await store.take(10, 50)).toEqual([])
    })

    test("wake a reader that waits", async () => {
      const waiting = store.take(10, 5000)
      const command = commandRecord()
      await store.submit(command, {})
      expect((await waiting)[0]?.command?.id).toBe(command.id)
    })
  })

  describe("vault entries", () => {
    test("come with the command and go with the commit", async () => {
      await store.submit(commandRecord({ secrets: ["a", "b"] }), { a: "sealed a", b: "sealed b" })
      expect(await store.secret("a")).toBe("sealed a")
      await committed(genesis, [], { unlink: ["a"] })
      expect(await store.secret("a")).toBeUndefined()
      expect(await store.secret("b")).toBe("sealed b")
    })

    test("are never replaced: the second command is not taken", async () => {
      await store.submit(commandRecord(), { a: "first" })
      const second = commandRecord()
      await expect(store.submit(second, { a: "second", c: "x" })).rejects.toMatchObject({ code: "invalid_state" })
      expect(await store.secret("a")).toBe("first")
      expect(await store.secret("c")).toBeUndefined()
      expect(await store.outcome(second.id)).toBeUndefined()
    })

    test("of a command that is known already are not stored", async () => {
      const command = commandRecord()
      await store.submit(command, {})
      await store.submit(command, { late: "x" })
      expect(await store.secret("late")).toBeUndefined()
    })
  })

  describe("the tail", () => {
    test("gives events and outcomes of one commit together", async () => {
      const cursor = await store.outcomesCursor()
      const commit = await committed(genesis, [{}, {}])
      const tail = await store.tail(0, cursor, 500)
      expect(tail.events).toEqual(commit.events)
      expect(tail.outcomes).toEqual([commit.outcome])
      expect(await store.tail(2, tail.cursor, 20)).toEqual({ events: [], outcomes: [], cursor: tail.cursor })
    })

    test("begins with outcomes written from now on", async () => {
      await committed(genesis, [{}])
      const cursor = await store.outcomesCursor()
      const later = await committed(await store.head(), [])
      expect(await store.tail(1, cursor, 500)).toMatchObject({ events: [], outcomes: [later.outcome] })
    })

    test("wakes up for a commit and does not wait beyond its time", async () => {
      const cursor = await store.outcomesCursor()
      const waiting = store.tail(0, cursor, 5000)
      const commit = await committed(genesis, [{}])
      expect((await waiting).events).toEqual(commit.events)
      expect((await waiting).outcomes).toEqual([commit.outcome])
      const begin = performance.now()
      await store.tail(1, (await waiting).cursor, 60)
      expect(performance.now() - begin).toBeGreaterThan(40)
      expect(performance.now() - begin).toBeLessThan(1500)
    })
  })

  test("keeps snapshots by name", async () => {
    await store.saveSnapshot("world:1", "one")
    await store.saveSnapshot("world:2", "two")
    await store.saveSnapshot("world:1", "three")
    expect(await (await another()).snapshot("world:1")).toBe("three")
  })

  test("says store_unavailable once it is closed", async () => {
    await store.close()
    for (const call of [
      () => store.head(),
      () => store.take(1, 10),
      () => store.tail(0, "0", 10),
      () => store.submit(commandRecord(), {}),
    ])
      await expect(call()).rejects.toMatchObject({ code: "store_unavailable" })
  })
})
