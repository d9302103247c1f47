import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { commitAfter, eventsAfter, eventually, recordedLog } from "../support/records.ts"
import type { EventRecord, EventStore } from "../../src/platform/event-store.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { untilReady } from "../../src/platform/redis-call.ts"
import { logPages } from "../../src/platform/log-pages.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"
import { connectedStore } from "../support/connected-store.ts"

const genesis = { position: 0, hash: genesisHash }
const { log } = recordedLog()
let server: RedisServer
let between: Relay
let store: EventStore

/** More than a chunk of the connection holds, and with letters of every length. */
const sketches = Array.from({ length: 700 }, (_, index) => ({
  id: `größe-${index}`,
  data: { text: index % 3 === 0 ? "🦉é".repeat(40) : "x".repeat(index), emptiness: "" },
}))
const events: readonly EventRecord[] = eventsAfter(genesis, sketches)

beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.command("FLUSHALL")
  between = await relay(server.port)
  const url = server.url.replace(`:${server.port}`, `:${between.port}`)
  store = await connectedStore((name, purpose) => connectRedis(url, name, purpose, log))
  await store.commit(commitAfter(genesis, sketches))
})
afterEach(async () => {
  await store.close()
  await between.stop()
})

describe("pages of the log", () => {
  test("that are asked for at the same time are each the right one", async () => {
    const starts = [0, 699, 3, 700, 350, 0]
    const pages = await Promise.all(starts.map((after) => store.read(after, 400)))
    for (const [index, page] of pages.entries()) expect(page).toEqual(events.slice(starts[index], starts[index]! + 400))
  })

  test("with an entry that holds no event fail at its position, and the next page is whole", async () => {
    await server.command("XADD {gh}:events 701-0 kind thing id a type T schema 1 data {oops meta {} hash x")
    await server.command("XADD {gh}:events 702-0 kinf thing id a type T schema 1 data {} meta {} hash x")
    const [bad, worse, good] = await Promise.allSettled([store.read(600, 1000), store.read(701, 9), store.read(690, 9)])
    expect(bad).toMatchObject({ reason: { name: "ChainError", position: 701 } })
    expect(worse).toMatchObject({ reason: { name: "ChainError", position: 702 } })
    expect(good).toMatchObject({ value: events.slice(690, 699) })
  })

  test("are refused when the key holds something else, and come again when it is the log again", async () => {
    await server.command("RENAME {gh}:events aside")
    await server.command("SET {gh}:events text")
    await expect(store.read(0, 10)).rejects.toThrow("WRONGTYPE")
    await server.command("RENAME aside {gh}:events")
    expect(await store.read(0, 10)).toEqual(events.slice(0, 10))
  })

  test("of which the connection is cut in the middle are refused, and come again over the next connection", async () => {
    expect(await store.read(0, 1)).toEqual(events.slice(0, 1))
    await server.command("CLIENT KILL TYPE normal")
    const first = await store.read(0, 1000).catch((error: unknown) => error)
    if (first instanceof Error) expect(first).toMatchObject({ code: "store_unavailable" })
    expect(await eventually(() => store.read(0, 1000).catch(() => undefined))).toEqual(events)
  })
})

describe("the client that reads them", () => {
  const direct = () => connectRedis(server.url, "direct", "command", log)

  test("of the installed version takes what is read in its place; if not, ioredis has changed, and reading is slower", async () => {
    const [pages, redis] = [logPages(), direct()]
    await untilReady(redis, 5000)
    expect(await pages.read(redis, 0, 1000)).toEqual(events)
    expect(pages.plain).toBe(false)
    redis.disconnect()
  })

  test("is read plainly when somebody else listens before its decoder", async () => {
    const [pages, redis] = [logPages(), direct()]
    await untilReady(redis, 5000)
    let heard = 0
    redis.stream.prependListener("data", (chunk: Buffer) => void (heard += chunk.length))
    const read = await Promise.all([pages.read(redis, 0, 1000), pages.read(redis, 690, 9)])
    expect(read).toEqual([events, events.slice(690, 699)])
    expect([pages.plain, heard > 50_000, await redis.ping()]).toEqual([true, true, "PONG"])
    await server.command("XADD {gh}:events 701-0 kind thing id a type T schema 1 data {oops meta {} hash x")
    await expect(pages.read(redis, 699, 10)).rejects.toMatchObject({ name: "ChainError", position: 701 })
    redis.disconnect()
  })
})
