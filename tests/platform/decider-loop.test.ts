import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { CommandRecord, EventRecord, EventStore, Outcome } from "../../src/platform/event-store.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { commandRecord, commitAfter, eventsAfter, eventually, recordedLog } from "../support/records.ts"
import { genesisHash, verifyChain } from "../../src/platform/event-chain.ts"
import { GatehouseError } from "../../src/errors.ts"
import type { Model } from "../../src/platform/decision-commit.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { redisEventStore } from "../../src/platform/redis-event-store.ts"

const genesis = { position: 0, hash: genesisHash }
const { log } = recordedLog()
let server: RedisServer
let between: Relay
let store: EventStore

beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.command("CONFIG SET maxmemory 0")
  await server.command("FLUSHALL")
  between = await relay(server.port)
  const url = server.url.replace(`:${server.port}`, `:${between.port}`)
  store = redisEventStore((name, purpose) => connectRedis(url, name, purpose, log), log)
  await store.head()
  return async () => {
    await store.close()
    await between.stop()
  }
})

/** A counter: `Add` counts up, `Refuse` is refused, `Throw` cannot be decided. */
function counter(decidedSoFar: string[] = []): Model & { readonly decided: string[] } {
  const state = { ...genesis, count: 0, decided: decidedSoFar }
  return {
    get position() {
      return state.position
    },
    get hash() {
      return state.hash
    },
    decided: state.decided,
    decide(command: CommandRecord) {
      state.decided.push(command.id)
      if (command.type === "Refuse") throw new GatehouseError("in_use", "no", { references: ["other"] })
      if (command.type === "Throw") throw new Error("this cannot be decided")
      const event = { kind: "counter", id: "one", type: "Added", data: { to: state.count + 1, gone: undefined } }
      const expected = [{ kind: "counter", id: "one", version: state.position }]
      return { events: [event], result: { count: state.count + 1 }, expected, gone: [], unlink: [] }
    },
    fold(records: readonly EventRecord[]) {
      for (const { position, hash } of records) Object.assign(state, { position, hash, count: state.count + 1 })
    },
  }
}

function lead(epoch = 1) {
  const stop = new AbortController()
  const decidedSoFar: string[] = []
  let model = counter(decidedSoFar)
  const run = deciderLoop({
    store,
    model: () => (model = counter(decidedSoFar)),
    now: () => new Date("2026-01-02T03:04:05Z"),
    crash: () => {},
    log,
    blockMs: 50,
  })
  const ended = run(epoch, stop.signal)
  ended.catch(() => undefined)
  return {
    get model() {
      return model
    },
    ended,
    stop: async () => {
      stop.abort()
      await ended
    },
  }
}

const decided = (id: string) =>
  eventually<Outcome | undefined>(async () => {
    const outcome = await store.outcome(id).catch(() => undefined)
    return outcome === undefined || outcome.status === "queued" ? undefined : outcome
  })

describe("the decider loop", () => {
  test("decides commands in order, each against the events of the one before", async () => {
    const commands = Array.from({ length: 20 }, () => commandRecord({ type: "Add" }))
    for (const command of commands) await store.submit(command, {})
    const leader = lead()
    expect(await decided(commands[19]!.id)).toMatchObject({ status: "accepted", position: 20, result: { count: 20 } })
    const events = await store.read(0, 100)
    expect(verifyChain(genesis, events).position).toBe(20)
    expect(events.map(({ data }) => data)).toEqual(commands.map((_, index) => ({ to: index + 1 })))
    await leader.stop()
  })

  test("remembers in each event who asked, from where, and why", async () => {
    const command = commandRecord({
      type: "Add",
      actor: { name: "bob", admin: false, token: "bob", secret: "x" } as CommandRecord["actor"],
      ip: "192.0.2.1",
      request_id: "r",
      correlation_id: "c",
      causation: 7,
    })
    await store.submit(command, {})
    const leader = lead()
    await decided(command.id)
    expect((await store.read(0, 1))[0]!.meta).toEqual({
      actor: { name: "bob", admin: false, token: "bob" },
      ip: "192.0.2.1",
      command_id: command.id,
      command: "Add",
      request_id: "r",
      correlation_id: "c",
      causation: 7,
      at: "2026-01-02T03:04:05.000Z",
    })
    await leader.stop()
  })

  test("keeps a refusal as an outcome, without events and without the vault entries that came with it", async () => {
    const command = commandRecord({ type: "Refuse", secrets: ["ref"] })
    await store.submit(command, { ref: "sealed" })
    const leader = lead()
    expect(await decided(command.id)).toMatchObject({
      status: "rejected",
      code: "in_use",
      detail: "no",
      extras: { references: ["other"] },
    })
    expect(await store.secret("ref")).toBeUndefined()
    expect(await store.read(0, 1)).toEqual([])
    await leader.stop()
  })

  test("puts a command that always throws, and an entry that is none, aside after three deliveries and goes on", async () => {
    const poison = commandRecord({ type: "Throw", secrets: ["ref"] })
    await store.submit(poison, { ref: "sealed" })
    await server.command("XADD {gh}:commands * command nonsense")
    await server.command("XADD {gh}:commands * other field")
    const after = commandRecord({ type: "Add" })
    await store.submit(after, {})
    const leader = lead()
    expect(await decided(after.id)).toMatchObject({ status: "accepted" })
    expect(await decided(poison.id)).toMatchObject({ status: "dead" })
    await eventually(async () => (await server.command("XLEN {gh}:deadletters")).includes(":3"))
    expect(leader.model.decided.filter((id) => id === poison.id).length).toBeLessThanOrEqual(4)
    const letters = await server.command("XRANGE {gh}:deadletters - +")
    expect(letters).toContain("this cannot be decided")
    expect(letters).toContain("the entry holds no command")
    expect(await store.secret("ref")).toBeUndefined()
    await leader.stop()
    expect(await store.take(10, 20)).toEqual([])
  })

  test("does not try a command again that has ended three deciders", async () => {
    const killer = commandRecord({ type: "Add" })
    await store.submit(killer, {})
    for (let leader = 1; leader <= 3; leader++) await store.take(1, 100)
    const leader = lead()
    expect(await decided(killer.id)).toMatchObject({ status: "dead" })
    expect(leader.model.decided).toEqual([])
    await leader.stop()
  })

  test("decides what an earlier leader was given and did not decide", async () => {
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    await store.take(1, 100)
    const leader = lead()
    expect(await decided(command.id)).toMatchObject({ status: "accepted" })
    await leader.stop()
  })

  test("begins behind the head and catches up, also in the middle of its work", async () => {
    await store.commit(commitAfter(genesis, [{ kind: "counter" }, { kind: "counter" }]))
    const leader = lead()
    await eventually(() => leader.model.position === 2)
    await store.commit(commitAfter(await store.head(), [{ kind: "counter" }]))
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    expect(await decided(command.id)).toMatchObject({ status: "accepted", position: 4, result: { count: 4 } })
    await leader.stop()
  })

  test("stops leading when another decider has a higher epoch, and leaves the command to it", async () => {
    const { epoch } = await store.lease("decider", "old", 10_000)
    await store.release("decider", "old")
    const old = lead(epoch)
    await store.lease("decider", "new", 10_000)
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    await old.ended
    expect((await store.outcome(command.id))?.status).toBe("queued")
    const next = lead(epoch + 1)
    expect(await decided(command.id)).toMatchObject({ status: "accepted" })
    await next.stop()
  })

  test("acknowledges a command that was decided already and does nothing", async () => {
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    await store.commit(commitAfter(genesis, [{ kind: "counter" }], { command_id: command.id }))
    const leader = lead()
    await eventually(async () => (await server.command("XPENDING {gh}:commands decider")).includes(":0"))
    await leader.stop()
    expect((await store.head()).position).toBe(1)
  })

  test.each(["cutBefore", "cutAfter"] as const)(
    "commits each of many once when the connection is lost (%s)",
    async (cut) => {
      const first = commandRecord({ type: "Add" })
      await store.submit(first, {})
      const before = lead()
      await decided(first.id)
      await before.stop()
      const commands = Array.from({ length: 30 }, (_, index) =>
        commandRecord({ type: "Add", data: { name: `n${index}` } }),
      )
      for (const command of commands) await store.submit(command, {})
      between[cut](`"command_id":"${commands[17]!.id}"`)
      const leader = lead()
      expect(await decided(commands[29]!.id)).toMatchObject({ status: "accepted", position: 31, result: { count: 31 } })
      expect(between.cuts).toBe(1)
      const events = await store.read(0, 100)
      expect(verifyChain(genesis, events).position).toBe(31)
      expect(events.map(({ meta }) => (meta as { command_id: string }).command_id)).toEqual(
        [first, ...commands].map(({ id }) => id),
      )
      await leader.stop()
    },
  )

  test("decides the rest of a batch rightly when another has written in between", async () => {
    const leader = lead()
    await store.submit(commandRecord({ type: "Add" }), {})
    await eventually(() => leader.model.position === 1)
    await leader.stop()
    const commands = Array.from({ length: 10 }, () => commandRecord({ type: "Add" }))
    for (const command of commands) await store.submit(command, {})
    const next = lead()
    await store.commit(commitAfter(await store.head(), [{ kind: "counter" }])).catch(() => undefined)
    await Promise.all(commands.map(({ id }) => decided(id)))
    const events = await store.read(0, 100)
    verifyChain(genesis, events)
    expect(events.filter(({ type }) => type === "Added")).toHaveLength(11)
    await next.stop()
  })

  test.each(["cutBefore", "cutAfter"] as const)("commits once when the connection is lost (%s)", async (cut) => {
    const first = commandRecord({ type: "Add" })
    await store.submit(first, {})
    const leader = lead()
    await decided(first.id)
    between[cut]('"status":"accepted"')
    const command = commandRecord({ type: "Add" })
    const submitter = redisEventStore((name, purpose) => connectRedis(server.url, name, purpose, log), log)
    await submitter.submit(command, {})
    await submitter.close()
    expect(await decided(command.id)).toMatchObject({ status: "accepted", position: 2, result: { count: 2 } })
    expect(between.cuts).toBe(1)
    await eventually(() => leader.model.position === 2)
    expect((await store.read(0, 10)).map(({ position }) => position)).toEqual([1, 2])
    await leader.stop()
  })

  test("does not bury a command because the store refused its commit under four leads", async () => {
    await store.take(1, 1)
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    const model = counter()
    const run = deciderLoop({ store, model: () => model, now: () => new Date(), crash: () => {}, log, blockMs: 50 })
    await server.command("CONFIG SET maxmemory 1mb")
    for (let outage = 1; outage <= 4; outage++) {
      const stop = new AbortController()
      const ended = run(1, stop.signal)
      const before = model.decided.length
      await eventually(() => model.decided.length > before)
      stop.abort()
      await ended
    }
    await server.command("CONFIG SET maxmemory 0")
    const stop = new AbortController()
    const ended = run(1, stop.signal)
    expect(await decided(command.id)).toMatchObject({ status: "accepted" })
    stop.abort()
    await ended
  })

  test("stops loudly when the log was rolled back behind its back", async () => {
    const first = commandRecord({ type: "Add" })
    await store.submit(first, {})
    const leader = lead()
    await decided(first.id)
    await eventually(() => leader.model.position === 1)
    await server.command("FLUSHALL")
    await store.submit(commandRecord({ type: "Add" }), {})
    await expect(leader.ended).rejects.toMatchObject({ name: "LostLogError" })
    expect(await store.read(0, 1)).toEqual([])
  })

  test("takes no command at all when the log ends before what it has seen", async () => {
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    const model = counter()
    model.fold(eventsAfter(genesis, [{}, {}]))
    const run = deciderLoop({ store, model: () => model, now: () => new Date(), crash: () => {}, log, blockMs: 50 })
    await expect(run(1, new AbortController().signal)).rejects.toMatchObject({ name: "LostLogError" })
    expect(await store.take(1, 100)).toMatchObject([{ attempts: 1 }])
  })

  test("stops loudly when the log was replaced by another that is longer", async () => {
    const leader = lead()
    const first = commandRecord({ type: "Add" })
    await store.submit(first, {})
    await decided(first.id)
    await eventually(() => leader.model.position === 1)
    await server.command("FLUSHALL")
    await store.commit(commitAfter(genesis, [{ kind: "counter", id: "x" }, { kind: "counter" }, { kind: "counter" }]))
    await store.submit(commandRecord({ type: "Add" }), {})
    await expect(leader.ended).rejects.toMatchObject({ name: "ChainError" })
    expect((await store.head()).position).toBe(3)
  })
})
