import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { commandRecord, eventually, recordedLog } from "../support/records.ts"
import { leadCounter, outcomeOf } from "../support/counter-decider.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { connectedStore } from "../support/connected-store.ts"

const { log } = recordedLog()
let server: RedisServer
let store: EventStore

beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.command("FLUSHALL")
  store = await connectedStore((name, purpose) => connectRedis(server.url, name, purpose, log))
  return () => store.close()
})

/** The reply, without those to the greeting and the farewell. */
const ask = async (text: string) => (await server.command(text)).replaceAll(/^\+OK\r\n|\+OK\r\n$/g, "")
const add = async (type = "Add") => {
  const command = commandRecord({ type })
  await store.submit(command, {})
  return command.id
}
const decided = (id: string) => outcomeOf(store, id)
const destroyGroup = async () => expect(await ask("XGROUP DESTROY {gh}:commands decider")).toBe(":1\r\n")
/** As it is a day later. */
const expire = (id: string) => ask(`DEL {gh}:outcome:${id}`)
const nothingPends = async () => (await ask("XPENDING {gh}:commands decider")).startsWith("*4\r\n:0")
const commandsOfEvents = async () =>
  (await store.read(0, 100)).map(({ meta }) => (meta as { command_id: string }).command_id)

describe("when the consumer group of the decider is lost,", () => {
  test("a leader at work decides what comes then, and nothing that was decided, whether its outcome is there or has expired", async () => {
    const leader = leadCounter(store, log)
    const old = [await add(), await add(), await add("Refuse"), await add()]
    await decided(old[3]!)
    await expire(old[0]!)
    await expire(old[2]!)
    await destroyGroup()
    const next = await add()
    expect(await decided(next)).toMatchObject({ status: "accepted", position: 4, result: { count: 4 } })
    await eventually(nothingPends)
    expect(leader.model.asked).toEqual([...old, next])
    expect(await commandsOfEvents()).toEqual([old[0], old[1], old[3], next])
    expect(await ask("XLEN {gh}:decisions")).toBe(":1\r\n")
    await leader.stop()
  })

  test("and no node runs, the next one decides all that had waited, in order, and nothing twice", async () => {
    const first = leadCounter(store, log)
    const old = [await add(), await add()]
    await decided(old[1]!)
    await first.stop()
    const waiting = [await add(), await add()]
    await expire(old[0]!)
    await destroyGroup()
    const second = leadCounter(store, log)
    expect(await decided(waiting[1]!)).toMatchObject({ status: "accepted", position: 4 })
    await eventually(nothingPends)
    expect(second.model.asked).toEqual(waiting)
    expect(await commandsOfEvents()).toEqual([...old, ...waiting])
    await second.stop()
  })

  test("what was left undecided before the newest decided command is still decided, or buried once", async () => {
    const leader = leadCounter(store, log)
    const bad = await add("Throw")
    await ask("XADD {gh}:commands * command nonsense")
    const good = await add()
    await decided(good)
    await destroyGroup()
    expect(await decided(bad)).toMatchObject({ status: "dead" })
    await eventually(async () => (await ask("XLEN {gh}:deadletters")) === ":2\r\n")
    await eventually(nothingPends)
    await expire(bad)
    await destroyGroup()
    const next = await add()
    expect(await decided(next)).toMatchObject({ status: "accepted", position: 2 })
    await eventually(nothingPends)
    expect(await ask("XLEN {gh}:deadletters")).toBe(":2\r\n")
    expect(await commandsOfEvents()).toEqual([good, next])
    await leader.stop()
  })

  test("also the head, nothing is decided twice: a command that waits has an outcome that does not expire", async () => {
    const first = leadCounter(store, log)
    const old = await add()
    await decided(old)
    await first.stop()
    const waiting = await add()
    expect(await ask(`PTTL {gh}:outcome:${waiting}`)).toBe(":-1\r\n")
    await expire(old)
    await ask("HDEL {gh}:head seq hash decided")
    await destroyGroup()
    const second = leadCounter(store, log)
    expect(await decided(waiting)).toMatchObject({ status: "accepted", position: 2 })
    await eventually(nothingPends)
    expect(await commandsOfEvents()).toEqual([old, waiting])
    await second.stop()
  })
})

test("A group that was made anew at the start of the commands gives out everything again, and no commit of it is taken", async () => {
  const first = leadCounter(store, log)
  const entry = /\d+-0/.exec(await ask("XADD {gh}:commands * command nonsense"))![0]
  const old = [await add(), await add("Refuse"), await add("Throw"), await add()]
  await decided(old[2]!)
  await eventually(async () => (await ask("XLEN {gh}:deadletters")) === ":2\r\n")
  await first.stop()
  for (const id of old) await expire(id)
  await expire(entry)
  await destroyGroup()
  await ask("XGROUP CREATE {gh}:commands decider 0")
  const waiting = await add()
  const second = leadCounter(store, log)
  expect(await decided(waiting)).toMatchObject({ status: "accepted", position: 3, result: { count: 3 } })
  await eventually(nothingPends)
  expect(await commandsOfEvents()).toEqual([old[0], old[3], waiting])
  expect(await ask("XLEN {gh}:deadletters")).toBe(":2\r\n")
  expect(await ask("XLEN {gh}:decisions")).toBe(":3\r\n")
  for (const id of old) expect(await store.outcome(id)).toBeUndefined()
  await second.stop()
})
