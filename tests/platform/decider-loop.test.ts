import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { CommandRecord, Delivery, EventStore } from "../../src/platform/event-store.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { commandRecord, commitAfter, eventually, recordedLog } from "../support/records.ts"
import { genesisHash, verifyChain } from "../../src/platform/event-chain.ts"
import { leadCounter, outcomeOf } from "../support/counter-decider.ts"
import { connectRedis } from "../../src/platform/redis.ts"
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
    expect(leader.model.asked.filter((id) => id === poison.id).length).toBeLessThanOrEqual(4)
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
    for (let leader = 1; leader <= 3; leader++) {
      const [{ entry, attempts }] = (await store.take(1, 100)) as [Delivery]
      if (attempts > 1) await store.begin(entry, attempts)
    }
    const leader = lead()
    expect(await decided(killer.id)).toMatchObject({ status: "dead" })
    expect(leader.model.asked).toEqual([])
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
})
