import { Redis } from "ioredis"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { commandRecord, commitAfter, eventually, recordedLog } from "../support/records.ts"
import { genesisHash, verifyChain } from "../../src/platform/event-chain.ts"
import { leadCounter, outcomeOf } from "../support/counter-decider.ts"
import { auditTrail } from "../../src/platform/audit-trail.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import { memoryEventStore } from "../../src/platform/memory-event-store.ts"
import { connectedStore } from "../support/connected-store.ts"

const genesis = { position: 0, hash: genesisHash }
const { log } = recordedLog()
let server: RedisServer
let redis: Redis
let between: Relay
let store: EventStore

beforeAll(async () => {
  server = await redisServer()
  redis = new Redis(server.url)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})
beforeEach(async () => {
  await redis.flushall()
  between = await relay(server.port)
  const url = server.url.replace(`:${server.port}`, `:${between.port}`)
  store = await connectedStore((name, purpose) => connectRedis(url, name, purpose, log))
  return async () => {
    await store.close()
    await between.stop()
  }
})

/** A leader that waits for commands: it decided one that it was given. */
async function idleLeader(epoch = 1) {
  const leader = leadCounter(store, log, epoch)
  const first = commandRecord({ type: "Add" })
  await store.submit(first, {})
  await outcomeOf(store, first.id)
  const add = () => commandRecord({ type: "Add" })
  /** Tries until the leader waits again. */
  const atOnce = (command = add()) => eventually(() => leader.decideAtOnce(command))
  return { ...leader, add, atOnce }
}

describe("a command that is appended and decided in one step", () => {
  test("stands in the stream, in the log and in the trail like any other, and is given to nobody", async () => {
    const leader = await idleLeader()
    const [added, refused] = [leader.add(), commandRecord({ type: "Refuse" })]
    await leader.atOnce(added)
    await leader.atOnce(refused)
    expect(await store.outcome(added.id)).toMatchObject({ status: "accepted", position: 2, result: { count: 2 } })
    expect(await store.outcome(refused.id)).toMatchObject({ status: "rejected", code: "in_use" })
    const trail = auditTrail(redis)
    const commands = await trail.commands("0", 10)
    expect(commands.map(({ command }) => command).slice(1)).toEqual([added, refused])
    const [decision] = await trail.decisions("0", 10)
    expect(decision).toMatchObject({ entry: commands[2]!.entry, outcome: { command_id: refused.id } })
    expect(await redis.hget("{gh}:head", "decided")).toBe(commands[2]!.entry)
    expect(await trail.undecided(commands[2]!.entry)).toBe(false)
    await leader.stop()
    expect(await store.take(10, 1)).toEqual([])
  })

  test("is left to the stream when others wait before it, when it is known, and when another leads", async () => {
    const leader = await idleLeader()
    const before = await store.head()
    await leader.stop()
    const waiting = leader.add()
    await store.submit(waiting, {})
    const step = (command = leader.add(), epoch = 1) =>
      store.commit({ ...commitAfter(before, [{}], { command_id: command.id, epoch }), command })
    expect(await step()).toEqual({ status: "behind" })
    expect(await step(waiting)).toEqual({ status: "behind" })
    expect(await step(leader.add(), 7)).toEqual({ status: "fenced" })
    expect(await redis.xlen("{gh}:commands")).toBe(2)
    expect(await store.head()).toEqual(before)
    const next = leadCounter(store, log)
    expect(await outcomeOf(store, waiting.id)).toMatchObject({ status: "accepted", position: 2 })
    await eventually(() => next.decideAtOnce(leader.add()))
    expect(await next.decideAtOnce(waiting)).toBe(false)
    expect((await store.head()).position).toBe(3)
    await next.stop()
  })

  test("is left to the stream when it cannot be decided, so that its deliveries are counted", async () => {
    const leader = await idleLeader()
    await leader.atOnce()
    expect(await leader.decideAtOnce(commandRecord({ type: "Throw" }))).toBe(false)
    expect(await redis.xlen("{gh}:commands")).toBe(2)
    await leader.atOnce()
    expect(await store.head()).toMatchObject({ position: 3 })
    await leader.stop()
  })

  test.each(["cutBefore", "cutAfter"] as const)("is decided once when the connection is lost (%s)", async (cut) => {
    const leader = await idleLeader()
    await leader.atOnce()
    const command = leader.add()
    between[cut](`"command_id":"${command.id}"`)
    await expect(leader.atOnce(command)).rejects.toMatchObject({ code: "store_unavailable" })
    // The connection comes back when it does.
    const unknown = () => undefined
    await eventually(
      async () =>
        (await leader.decideAtOnce(command).catch(unknown)) === true ||
        (await store.outcome(command.id).catch(unknown)) !== undefined,
    )
    expect(await outcomeOf(store, command.id)).toMatchObject({ status: "accepted", position: 3 })
    // Its model may not know of it: it learns that from the next one, which goes through the stream.
    const after = leader.add()
    if (!(await leader.decideAtOnce(after))) await store.submit(after, {})
    expect(await outcomeOf(store, after.id)).toMatchObject({ status: "accepted", position: 4, result: { count: 4 } })
    await leader.atOnce()
    const events = await store.read(0, 10)
    expect(verifyChain(genesis, events).position).toBe(5)
    await leader.stop()
  })

  test("keeps its place among commands of other nodes, each decided once", async () => {
    const leader = await idleLeader()
    const commands = Array.from({ length: 200 }, () => leader.add())
    let steps = 0
    for (const [at, command] of commands.entries()) {
      const here = at % 3 !== 0 && (await leader.decideAtOnce(command))
      if (here) steps++
      else void store.submit(command, {})
      // Now and then the leader gets to wait again.
      if (at % 8 === 0) await outcomeOf(store, command.id)
    }
    await Promise.all(commands.map(({ id }) => outcomeOf(store, id)))
    expect(steps).toBeGreaterThan(0)
    const events = await store.read(0, 1000)
    expect(verifyChain(genesis, events).position).toBe(201)
    const inStream = (await auditTrail(redis).commands("0", 1000)).map(({ command }) => command!.id)
    expect(events.map(({ meta }) => (meta as { command_id: string }).command_id)).toEqual(inStream)
    expect(leader.model.position).toBe(201)
    await leader.stop()
  })

  test("is left to the stream while the consumer group is lost: what is made anew begins behind what was decided", async () => {
    const leader = await idleLeader()
    await leader.atOnce()
    await leader.stop()
    await redis.xgroup("DESTROY", "{gh}:commands", "decider")
    const command = leader.add()
    const step = store.commit({ ...commitAfter(await store.head(), [{}], { command_id: command.id }), command })
    expect(await step).toEqual({ status: "behind" })
    const next = leadCounter(store, log)
    await eventually(() => next.decideAtOnce(command))
    expect(await outcomeOf(store, command.id)).toMatchObject({ status: "accepted", position: 3, result: { count: 3 } })
    expect(await redis.xpending("{gh}:commands", "decider")).toEqual([0, null, null, null])
    // However many times the model was asked while there was no group: it stands once in each stream.
    expect([await redis.xlen("{gh}:commands"), await redis.xlen("{gh}:events")]).toEqual([3, 3])
    await next.stop()
  })

  test("means the same to the log in memory", async () => {
    const memory = memoryEventStore(() => performance.now())
    const step = async (command = commandRecord()) =>
      memory.commit({ ...commitAfter(await memory.head(), [{}], { command_id: command.id }), command })
    const [first, waiting] = [commandRecord(), commandRecord()]
    expect(await step(first)).toEqual({ status: "committed" })
    expect(await step(first)).toMatchObject({ status: "duplicate" })
    await memory.submit(waiting, {})
    expect([await step(), await step(waiting)]).toEqual([{ status: "behind" }, { status: "behind" }])
    expect((await memory.head()).position).toBe(1)
    expect((await memory.take(10, 500)).map(({ command }) => command)).toEqual([waiting])
  })
})
