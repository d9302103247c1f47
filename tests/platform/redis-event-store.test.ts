import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { commandRecord, commitAfter, eventually, recordedLog } from "../support/records.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"
import type { EventStore } from "../../src/platform/event-store.ts"
import { commandBus } from "../../src/platform/command-bus.ts"
import { type RedisPurpose, connectRedis } from "../../src/platform/redis.ts"
import { redisEventStore } from "../../src/platform/redis-event-store.ts"
import { connectedStore } from "../support/connected-store.ts"
import { within } from "../support/within.ts"

const genesis = { position: 0, hash: genesisHash }
const { log, lines } = recordedLog()
let server: RedisServer
let between: Relay
let store: EventStore

const connectAt = (url: string) => (name: string, purpose: RedisPurpose) => connectRedis(url, name, purpose, log)
const throughRelay = () => server.url.replace(`:${server.port}`, `:${between.port}`)

beforeAll(async () => {
  server = await redisServer()
  // Redis knows the scripts from here on, so that a cut hits their execution and not their upload.
  const first = await connectedStore(connectAt(server.url))
  await first.submit(commandRecord(), {})
  await first.commit(commitAfter(genesis, [{}]))
  await first.close()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.command("FLUSHALL")
  between = await relay(server.port)
  store = await connectedStore(connectAt(throughRelay()))
})
afterEach(async () => {
  await store.close()
  await between.stop()
})

const number = async (line: string) => Number(/:(\d+)/.exec(await server.command(line))?.[1])
const unavailable = expect.objectContaining({ code: "store_unavailable" })

describe("a write through a connection that is cut", () => {
  const write = () =>
    commandBus(
      store,
      () => Promise.resolve(undefined),
      () => new Date(),
    ).execute({ type: "CreateThing", data: { name: "needle" }, actor: { name: "ADMIN", admin: true } }, 100)

  test("after Redis executed it stands once in the stream, and its caller learns that it was taken", async () => {
    between.cutAfter("needle")
    expect(await write()).toMatchObject({ status: "queued" })
    expect(between.cuts).toBe(1)
    expect(await number("XLEN {gh}:commands")).toBe(1)
  })

  test("before Redis saw it is sent again and stands once in the stream", async () => {
    between.cutBefore("needle")
    expect(await write()).toMatchObject({ status: "queued" })
    expect(between.cuts).toBe(1)
    expect(await number("XLEN {gh}:commands")).toBe(1)
  })

  test("as a commit after it was executed is known as a duplicate when it is tried again", async () => {
    const commit = commitAfter(genesis, [{ data: "needle" }])
    between.cutAfter("needle")
    await expect(store.commit(commit)).rejects.toThrowError(unavailable)
    const again = await eventually(() => store.commit(commit).catch(() => undefined))
    expect(again).toEqual({ status: "duplicate", outcome: commit.outcome })
    expect(await number("XLEN {gh}:events")).toBe(1)
  })

  test("for good is refused within two seconds, and what was not appended is not there", async () => {
    between.refuse()
    await expect(within(2000, write)).rejects.toThrowError(unavailable)
    between.accept()
    expect(await number("XLEN {gh}:commands")).toBe(0)
    expect(await eventually(() => write().catch(() => undefined))).toMatchObject({ status: "queued" })
  })

  test("that is frozen is refused within two seconds, and works again when it thaws", async () => {
    between.freeze()
    await expect(within(2000, write)).rejects.toThrowError(unavailable)
    between.thaw()
    expect(await eventually(() => write().catch(() => undefined))).toMatchObject({ status: "queued" })
  })
})

describe("a store that cannot take writes", () => {
  const both = async () => {
    await expect(within(2000, () => store.submit(commandRecord(), { ref: "x" }))).rejects.toThrowError(unavailable)
    await expect(within(2000, () => store.commit(commitAfter(genesis, [{}])))).rejects.toThrowError(unavailable)
  }
  const works = () => eventually(() => store.submit(commandRecord(), {}).catch(() => undefined))

  test("because it is out of memory refuses whole commands and commits", async () => {
    await server.command("CONFIG SET maxmemory 1mb")
    try {
      await both()
      expect(await number("EXISTS {gh}:commands {gh}:events {gh}:head {gh}:secret:ref")).toBe(0)
    } finally {
      await server.command("CONFIG SET maxmemory 0")
    }
    expect(await works()).toEqual({ status: "queued" })
  })

  test("because it is a replica refuses, and takes writes when it is not any more", async () => {
    await server.command("REPLICAOF 127.0.0.1 1")
    try {
      await both()
      expect(await store.read(0, 10)).toEqual([])
    } finally {
      await server.command("REPLICAOF NO ONE")
    }
    expect(await works()).toEqual({ status: "queued" })
  })

  test("because it is stopped, frozen or being restarted refuses and comes back by itself", async () => {
    await store.commit(commitAfter(genesis, [{}]))
    server.pause()
    await both()
    server.resume()
    await eventually(() => store.head().catch(() => undefined))
    await server.kill()
    await both()
    await server.restart()
    expect(await works()).toEqual({ status: "queued" })
    expect((await store.head()).position).toBe(1)
  })

  test("because the password is wrong refuses, and neither error nor log shows a password", async () => {
    const wrong = redisEventStore(connectAt(server.url.replace(server.password, "not-the-password-0123456789")))
    const error = await wrong.submit(commandRecord(), {}).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: "store_unavailable" })
    await expect(wrong.take(1, 100)).rejects.toThrowError(unavailable)
    await wrong.close()
    expect(lines.join("")).toContain("WRONGPASS")
    for (const secret of [server.password, "not-the-password"])
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + lines.join("")).not.toContain(secret)
  })
})

describe("a blocking read", () => {
  test("that gets no answer fails two seconds after its time and works on a new connection", async () => {
    const waiting = store.tail(0, "0-0", 100)
    await eventually(async () => (await server.command("CLIENT LIST")).includes("cmd=xread"))
    between.freeze()
    await expect(within(2600, () => waiting)).rejects.toThrowError(unavailable)
    between.thaw()
    const commit = commitAfter(genesis, [{}])
    await eventually(() => store.commit(commit).catch(() => undefined))
    expect((await eventually(() => store.tail(0, "0-0", 100).catch(() => undefined))).events).toEqual(commit.events)
  })

  test("goes on after Redis was killed and restarted", async () => {
    await store.submit(commandRecord({ id: "one" }), {})
    await store.take(1, 100)
    await server.restart()
    expect(await eventually(() => store.take(1, 100).catch(() => undefined))).toMatchObject([
      { attempts: 2, command: { id: "one" } },
    ])
  })

  test("survives that Redis lost everything", async () => {
    await store.submit(commandRecord({ id: "one" }), {})
    await store.take(1, 100)
    await server.command("FLUSHALL")
    expect(await store.take(1, 20)).toEqual([])
    await store.submit(commandRecord({ id: "two" }), {})
    expect(await store.take(1, 500)).toMatchObject([{ attempts: 1, command: { id: "two" } }])
  })
})

describe("keys that were deleted", () => {
  test("the head is found again in the log's last entry", async () => {
    const first = commitAfter(genesis, [{}, {}])
    await store.commit(first)
    await server.command("DEL {gh}:head")
    const head = await store.head()
    expect(head).toEqual({ position: 2, hash: first.events[1]!.hash })
    expect(await store.commit(commitAfter(genesis, [{}]))).toEqual({ status: "conflict" })
    expect(await store.commit(commitAfter(head, [{}]))).toEqual({ status: "committed" })
    expect(await server.command("HGET {gh}:head seq")).toContain("$1\r\n3")
  })

  test("versions come back with the next commits and do not stand in their way", async () => {
    await store.commit(commitAfter(genesis, [{ id: "a" }]))
    await server.command("DEL {gh}:versions")
    const expected = [{ kind: "thing", id: "a", version: 1 }]
    expect(await store.commit(commitAfter(await store.head(), [{ id: "a" }], { expected }))).toEqual({
      status: "committed",
    })
    expect(await server.command("HGET {gh}:versions thing:a")).toContain("$1\r\n2")
  })
})

describe("entries", () => {
  test("of the log hold canonical fields that a reader can check without Gatehouse", async () => {
    await store.commit(commitAfter(genesis, [{ data: { b: 1, a: 2 } }]))
    const text = await server.command("XRANGE {gh}:events - +")
    for (const part of ["1-0", "kind", "thing", "schema", '{"a":2,"b":1}', "hash"]) expect(text).toContain(part)
  })

  test("that hold no event are named by the position where they stand", async () => {
    await store.commit(commitAfter(genesis, [{}]))
    await server.command("XADD {gh}:events 2-0 kind thing id a type T schema 1 data {oops meta {} hash x")
    await expect(store.read(0, 10)).rejects.toMatchObject({ name: "ChainError", position: 2 })
  })

  test("of a dead command go to the dead letters with group, attempts and error", async () => {
    await server.command("XADD {gh}:commands * command nonsense")
    const [delivery] = await store.take(1, 100)
    expect(delivery).toMatchObject({ command: null, raw: "nonsense", attempts: 1 })
    const dead = { group: "decider", attempts: 3, error: "no command", entry: delivery!.entry }
    await store.commit(commitAfter(genesis, [], { entry: delivery!.entry, dead }))
    const letters = await server.command("XRANGE {gh}:deadletters - +")
    for (const part of ["decider", "3", "no command", delivery!.entry]) expect(letters).toContain(part)
    expect(await store.take(1, 20)).toEqual([])
  })
})
