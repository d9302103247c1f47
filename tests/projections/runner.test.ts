import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Runner, type RunnerOptions, projectionRunner } from "../../src/projections/runner.ts"
import { commitAfter, eventually, eventsAfter, recordedLog } from "../support/records.ts"
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import type { EventStore } from "../../src/platform/event-store.ts"
import type { StoredEvent } from "../../src/events/envelope.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { digests } from "../../src/projections/digest.ts"
import { emptyWorld } from "../../src/events/world.ts"
import { genesisHash } from "../../src/platform/event-chain.ts"
import { join } from "node:path"
import { memoryEventStore } from "../../src/platform/memory-event-store.ts"
import { redisEventStore } from "../../src/platform/redis-event-store.ts"
import { tmpdir } from "node:os"

const { log, lines } = recordedLog()
const genesis = { position: 0, hash: genesisHash }
let server: RedisServer
let home: string
const opened: { stop(): Promise<void> }[] = []

beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.command("FLUSHALL")
  home = mkdtempSync(join(tmpdir(), "gatehouse-runner-"))
  return async () => {
    await Promise.all(opened.splice(0).map((one) => one.stop()))
    rmSync(home, { recursive: true, force: true })
  }
})

const openStore = (): EventStore => {
  const store = redisEventStore((name, purpose) => connectRedis(server.url, name, purpose, log), log)
  opened.push({ stop: () => store.close() })
  return store
}

interface Node extends Runner {
  readonly fatal: Error[]
  stop(): Promise<void>
}

/** A running node; `Node.world` is a getter, so it is passed on as it is. */
function node(store: EventStore, more: Partial<RunnerOptions> = {}): Node {
  const fatal: Error[] = []
  const stop = new AbortController()
  const onFatal = (error: Error) => void fatal.push(error)
  const runner = projectionRunner({ store, home, log, crash: () => {}, onFatal, blockMs: 50, ...more })
  const done = runner.run(stop.signal)
  const one = Object.create(runner, {
    fatal: { value: fatal },
    stop: {
      value: async () => {
        stop.abort()
        await done
      },
    },
  }) as Node
  opened.unshift(one)
  return one
}

const token = (name: string) => ({
  kind: "api-token",
  id: name,
  type: "TokenCreated",
  data: { name, hash: `sha256:${"0".repeat(64)}`, preview: "p", cert_email: null, secret_ref: null, is_admin: false },
})
const email = (name: string, cert_email: string) => ({ kind: "api-token", id: name, type: "TokenEmailUpdated", data: { cert_email } })
const deleted = (name: string) => ({ kind: "api-token", id: name, type: "TokenDeleted", data: { name } })
/** Twelve events with changes and deletions. */
const story = [
  ...["a", "b", "c", "d"].map(token),
  email("a", "a@example.com"),
  deleted("b"),
  email("c", "c@example.com"),
  token("b"),
  deleted("d"),
  email("b", "b@example.com"),
  token("e"),
  email("a", "other@example.com"),
]

async function append(store: EventStore, events: Parameters<typeof eventsAfter>[1]) {
  const commit = commitAfter(await store.head(), events)
  expect(await store.commit(commit)).toEqual({ status: "committed" })
  return commit
}

describe("a node's projections", () => {
  test("hold what is in the log, and what comes", async () => {
    const store = openStore()
    await append(store, story.slice(0, 5))
    const one = node(store)
    expect(one.ready).toBe(false)
    await eventually(() => one.live)
    expect(one.ready).toBe(true)
    expect(one.position).toBe(5)
    await append(store, story.slice(5))
    expect(await one.reached(12, 2000)).toBe(true)
    expect([...one.world.objects["api-token"].keys()].sort()).toEqual(["a", "b", "c", "e"])
    expect(one.writable()).toBe(true)
  })

  test("are the same from any snapshot with the tail as from the log alone", async () => {
    const events = eventsAfter(genesis, story)
    const whole = node(memoryEventStore(() => 0, { events }))
    await eventually(() => whole.live)
    for (let cut = 0; cut <= events.length; cut++) {
      const folder = mkdtempSync(join(home, "cut-"))
      const first = node(memoryEventStore(() => 0, { events: events.slice(0, cut) }), { home: folder })
      await eventually(() => first.live)
      await first.stop()
      const second = node(memoryEventStore(() => 0, { events }), { home: folder })
      expect(second.position).toBe(cut)
      expect(second.ready).toBe(cut > 0)
      await eventually(() => second.live)
      expect(second.digest()).toEqual(whole.digest())
    }
  })

  test("of two nodes have equal digests, and other digests one event later", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(openStore(), { home: join(home, "1") })
    const two = node(openStore(), { home: join(home, "2") })
    await eventually(() => one.live && two.live)
    expect(one.digest()).toEqual(two.digest())
    const before = one.digest()
    await append(store, [token("z")])
    await Promise.all([one.reached(13, 2000), two.reached(13, 2000)])
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
    const one = node(repeating)
    one.listen((news) => seen.push(...news.map(({ position }) => position)))
    expect(await one.reached(12, 2000)).toBe(true)
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(one.fatal).toEqual([])
  })

  test("tell their listeners after folding, in order, and survive one that throws", async () => {
    const store = openStore()
    const one = node(store)
    await eventually(() => one.live)
    const seen: [number, number][] = []
    one.listen(() => {
      throw new Error("broken listener")
    })
    const end = one.listen((events, world) => seen.push([events.at(-1)!.position, world.position]))
    await append(store, [token("a"), token("b")])
    await one.reached(2, 2000)
    expect(seen).toEqual([[2, 2]])
    end()
    await append(store, [token("c")])
    await one.reached(3, 2000)
    expect(seen).toHaveLength(1)
    expect(lines.join("")).toContain("broken listener")
  })

  test("resolve a command's outcome only with its events folded", async () => {
    const store = openStore()
    const one = node(store)
    await eventually(() => one.live)
    const commit = commitAfter(await store.head(), [token("a"), token("b")])
    const outcome = one.awaitOutcome(commit.command_id, 2000).then((known) => [known?.status, one.position])
    await store.commit(commit)
    expect(await outcome).toEqual(["accepted", 2])
    expect(await one.awaitOutcome("unknown", 30)).toBeUndefined()
    const begin = performance.now()
    expect(await one.awaitOutcome(commit.command_id, 2000, commit.outcome)).toEqual(commit.outcome)
    expect(performance.now() - begin).toBeLessThan(200)
    expect(await one.reached(3, 30)).toBe(false)
  })
})

describe("a log that cannot be folded", () => {
  test("because of a gap stops the node loudly", async () => {
    const store = openStore()
    await append(store, story)
    await server.command("XDEL {gh}:events 7-0")
    const one = node(store)
    await eventually(() => one.fatal.length === 1)
    expect(one.fatal[0]!.message).toContain("from position 6 to 8")
    expect(one.writable()).toBe(false)
  })

  test("because of an unknown event type or a newer schema stops the node loudly", async () => {
    for (const event of [{ ...token("a"), type: "TokenTeleported" }, { ...token("a"), schema: 99 }, { kind: "dragon" }]) {
      const one = node(memoryEventStore(() => 0, { events: eventsAfter(genesis, [event]) }))
      await eventually(() => one.fatal.length === 1)
      expect(one.position).toBe(0)
    }
  })

  test("because one byte was flipped is named by its position; what stands before it is served", async () => {
    const store = openStore()
    await append(store, story)
    await server.command("BGREWRITEAOF")
    const event = (await store.read(4, 1))[0]!
    await server.command("FLUSHALL")
    const forged = eventsAfter(genesis, story).map((one) =>
      one.position === 5 ? { ...one, data: { cert_email: "b@example.com" } } : one,
    )
    expect(event.data).toEqual({ cert_email: "a@example.com" })
    await store.commit({ ...commitAfter(genesis, []), events: forged })
    const one = node(store)
    await eventually(() => one.problem !== null)
    expect(one.problem).toContain("position 5")
    expect(one.position).toBe(4)
    expect(one.writable()).toBe(false)
    expect(one.fatal).toEqual([])
  })
})

describe("a split history", () => {
  test("after everything was lost is seen; what is in memory is served and nothing may be written", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    const before = digests(one.world)
    await server.command("FLUSHALL")
    await eventually(() => one.problem !== null)
    expect(one.writable()).toBe(false)
    expect(one.ready).toBe(true)
    expect(digests(one.world)).toEqual(before)
    expect(lines.join("")).toContain("history_split")
  })

  test("after the log was replaced by a longer one is seen", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    await one.stop()
    await server.command("FLUSHALL")
    await append(store, [...story.toReversed().map((event) => ({ ...event, id: "x" })), token("q"), token("r")])
    const again = node(store)
    await eventually(() => again.problem !== null)
    expect(again.position).toBe(12)
    expect(again.problem).toContain("position 12")
  })

  test("after the end of the append-only file was cut is seen from the local snapshot", async () => {
    const store = openStore()
    await append(store, story.slice(0, 11))
    const one = node(store)
    await eventually(() => one.live)
    await append(store, story.slice(11))
    await one.reached(12, 2000)
    await server.kill()
    await one.stop()
    const manifest = readFileSync(join(server.dir, "appendonlydir/appendonly.aof.manifest"), "utf8")
    const file = join(server.dir, "appendonlydir", /file (\S+\.incr\.aof)/.exec(manifest)![1]!)
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.subarray(0, bytes.length - 7))
    await server.restart()
    expect((await eventually(() => store.head().catch(() => undefined))).position).toBe(11)
    const again = node(store)
    expect(again.position).toBe(12)
    await eventually(() => again.problem !== null)
    expect(again.writable()).toBe(false)
    expect(again.digest().position).toBe(12)
  })

  test("is over when the right log is back", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    await server.kill()
    const backup = join(home, "backup")
    cpSync(join(server.dir, "appendonlydir"), backup, { recursive: true })
    await server.restart()
    await server.command("FLUSHALL")
    await eventually(() => one.problem !== null)
    await server.kill()
    rmSync(join(server.dir, "appendonlydir"), { recursive: true })
    cpSync(backup, join(server.dir, "appendonlydir"), { recursive: true })
    await server.restart()
    await eventually(() => one.writable())
    await append(store, [token("z")])
    expect(await one.reached(13, 2000)).toBe(true)
  })
})

describe("a node without its store", () => {
  test("goes on serving when Redis is killed, and follows again without a gap when it is back", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
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
    expect(await one.reached(13, 3000)).toBe(true)
  })

  test("does the same when Redis is frozen", async () => {
    const store = openStore()
    const one = node(store)
    await eventually(() => one.live)
    server.pause()
    await eventually(() => !one.live)
    server.resume()
    await eventually(() => one.live)
    await append(store, [token("a")])
    expect(await one.reached(1, 3000)).toBe(true)
  })

  test("serves from its local snapshot, ready but not live, until Redis is there", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    const digest = one.digest()
    await one.stop()
    await server.kill()
    const again = node(openStore())
    expect(again.ready).toBe(true)
    expect(again.live).toBe(false)
    expect(again.digest()).toEqual(digest)
    await server.restart()
    await eventually(() => again.live)
    await append(store, [token("z")])
    expect(await again.reached(13, 3000)).toBe(true)
  })

  test("and without a snapshot is not ready, and becomes it", async () => {
    await server.kill()
    const one = node(openStore())
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(one.ready).toBe(false)
    await server.restart()
    await eventually(() => one.ready && one.live)
  })
})

describe("snapshots", () => {
  test("are written every so many events and at the end, for the owner's eyes only", async () => {
    const store = openStore()
    const one = node(store, { snapshotEvery: 5 })
    await eventually(() => one.live)
    await append(store, story.slice(0, 6))
    await eventually(async () => (await store.snapshot("world:1"))?.includes('"position":6'))
    const path = join(home, "snapshot/world.json")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await append(store, story.slice(6))
    await one.reached(12, 2000)
    await one.stop()
    expect(await store.snapshot("world:1")).toContain('"position":12')
    expect(readFileSync(path, "utf8")).toContain('"position":12')
  })

  test("of the store let a node without a local one begin there", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    const digest = one.digest()
    await one.stop()
    const read: number[] = []
    const watching: EventStore = { ...store, read: (after, limit) => (read.push(after), store.read(after, limit)) }
    const fresh = node(watching, { home: join(home, "fresh") })
    await eventually(() => fresh.live)
    expect(fresh.digest()).toEqual(digest)
    expect(Math.min(...read)).toBeGreaterThanOrEqual(11)
  })

  test.each([
    ["cut", (text: string) => text.slice(0, -20)],
    ["changed", (text: string) => text.replace("other@example.com", "evil!@example.com")],
    ["of another schema", (text: string) => text.replace('"schema":1', '"schema":0')],
    ["empty", () => ""],
    ["garbage", () => "{}\n{}\n"],
  ])("that are %s are not used", async (_, damage) => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    const digest = one.digest()
    await one.stop()
    const path = join(home, "snapshot/world.json")
    writeFileSync(path, damage(readFileSync(path, "utf8")))
    await server.command("DEL {gh}:snapshot:world:1")
    const again = node(store)
    expect(again.ready).toBe(false)
    await eventually(() => again.live)
    expect(again.digest()).toEqual(digest)
  })

  test("of the store that are of another log are not used", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    await one.stop()
    const snapshot = (await store.snapshot("world:1"))!
    await server.command("FLUSHALL")
    await store.saveSnapshot("world:1", snapshot)
    const fresh = node(store, { home: join(home, "fresh") })
    await eventually(() => fresh.live)
    expect(fresh.position).toBe(0)
    await append(store, [...story, token("z")].map((event) => ({ ...event, id: `other ${event.id}` })))
    const later = node(store, { home: join(home, "later") })
    await eventually(() => later.live)
    expect(later.position).toBe(13)
    expect([...later.world.objects["api-token"].keys()]).toContain("other a")
  })

  test("that cannot be written do not stop the node", async () => {
    const store = openStore()
    writeFileSync(join(home, "file"), "")
    const one = node(store, { home: join(home, "file"), snapshotEvery: 1 })
    await eventually(() => one.live)
    await append(store, story)
    expect(await one.reached(12, 2000)).toBe(true)
    await eventually(() => lines.join("").includes("snapshot_failed"))
    await one.stop()
  })

  test("left half written by a crash leave the one before", async () => {
    const store = openStore()
    await append(store, story)
    const one = node(store)
    await eventually(() => one.live)
    await one.stop()
    const path = join(home, "snapshot/world.json")
    copyFileSync(path, `${path}.new`)
    writeFileSync(`${path}.new`, readFileSync(path, "utf8").slice(0, 40))
    const again = node(store)
    expect(again.position).toBe(12)
    await append(store, [token("z")])
    await again.reached(13, 2000)
    await again.stop()
    expect(readFileSync(path, "utf8")).toContain('"position":13')
  })
})

test("the digest of a world does not depend on the order in which its aggregates came", () => {
  const [one, two] = [emptyWorld(), emptyWorld()]
  const state = (name: string): StoredEvent["data"] => ({ name })
  for (const id of ["a", "b", "c"]) one.objects["api-token"].set(id, { version: 1, state: state(id) as never })
  for (const id of ["c", "a", "b"]) two.objects["api-token"].set(id, { version: 1, state: state(id) as never })
  expect(digests(one)).toEqual(digests(two))
})
