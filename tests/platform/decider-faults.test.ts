import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { EventStore } from "../../src/platform/event-store.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { commandRecord, commitAfter, eventsAfter, eventually, recordedLog } from "../support/records.ts"
import { genesisHash, verifyChain } from "../../src/platform/event-chain.ts"
import { counter, leadCounter, outcomeOf } from "../support/counter-decider.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { deciderLoop } from "../../src/platform/decider-loop.ts"
import { connectedStore } from "../support/connected-store.ts"

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
  store = await connectedStore((name, purpose) => connectRedis(url, name, purpose, log))
  return async () => {
    await store.close()
    await between.stop()
  }
})
const lead = (epoch?: number) => leadCounter(store, log, epoch)
const decided = (id: string) => outcomeOf(store, id)

describe("the decider loop, when things go wrong,", () => {
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
    const submitter = await connectedStore((name, purpose) => connectRedis(server.url, name, purpose, log))
    await submitter.submit(command, {})
    await submitter.close()
    expect(await decided(command.id)).toMatchObject({ status: "accepted", position: 2, result: { count: 2 } })
    expect(between.cuts).toBe(1)
    await eventually(() => leader.model.position === 2)
    expect((await store.read(0, 10)).map(({ position }) => position)).toEqual([1, 2])
    await leader.stop()
  })

  test("decides a command that was given out in vain, however often: its answer was lost, or its leader ended before it", async () => {
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    for (let lost = 1; lost <= 5; lost++) expect(await store.take(1, 100)).toHaveLength(1)
    const leader = lead()
    expect(await decided(command.id)).toMatchObject({ status: "accepted" })
    await leader.stop()
  })

  test("does not bury a command because the store refused its commit under four leads", async () => {
    await store.take(1, 1)
    const command = commandRecord({ type: "Add" })
    await store.submit(command, {})
    const model = counter()
    const { lead: run } = deciderLoop({
      store,
      model: () => model,
      now: () => new Date(),
      crash: () => {},
      log,
      blockMs: 50,
    })
    await server.command("CONFIG SET maxmemory 1mb")
    for (let outage = 1; outage <= 4; outage++) {
      const stop = new AbortController()
      const ended = run(1, stop.signal)
      const before = model.asked.length
      await eventually(() => model.asked.length > before)
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
    const { lead: run } = deciderLoop({
      store,
      model: () => model,
      now: () => new Date(),
      crash: () => {},
      log,
      blockMs: 50,
    })
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
