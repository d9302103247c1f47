import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RunnerNodes, append, runnerNodes, story, token } from "../support/runner-nodes.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { eventually } from "../support/records.ts"
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { digests } from "../../src/projections/digest.ts"
import { join } from "node:path"

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

describe("a split history", () => {
  test("after everything was lost is seen; what is in memory is served and nothing may be written", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    const before = digests(one.world)
    await server.command("FLUSHALL")
    await eventually(() => one.problem !== null)
    expect(one.writable()).toBe(false)
    expect(one.ready).toBe(true)
    expect(digests(one.world)).toEqual(before)
    expect(nodes.lines.join("")).toContain("history_split")
  })

  test("after the log was replaced by a longer one is seen", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    await one.stop()
    await server.command("FLUSHALL")
    await append(store, [...story.toReversed().map((event) => ({ ...event, id: "x" })), token("q"), token("r")])
    const again = nodes.node(store)
    await eventually(() => again.problem !== null)
    expect(again.position).toBe(12)
    expect(again.problem).toContain("position 12")
  })

  test("after the end of the append-only file was cut is seen from the local snapshot", async () => {
    const store = await nodes.openStore(server)
    await append(store, story.slice(0, 11))
    const one = nodes.node(store)
    await eventually(() => one.live)
    await append(store, story.slice(11))
    await one.reached(12, 10_000)
    await server.kill()
    await one.stop()
    const manifest = readFileSync(join(server.dir, "appendonlydir/appendonly.aof.manifest"), "utf8")
    const file = join(server.dir, "appendonlydir", /file (\S+\.incr\.aof)/.exec(manifest)![1]!)
    const bytes = readFileSync(file)
    writeFileSync(file, bytes.subarray(0, bytes.length - 7))
    await server.restart()
    expect((await eventually(() => store.head().catch(() => undefined))).position).toBe(11)
    const again = nodes.node(store)
    expect(again.position).toBe(12)
    await eventually(() => again.problem !== null)
    expect(again.writable()).toBe(false)
    expect(again.digest().position).toBe(12)
  })

  test("is over when the right log is back", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    await server.kill()
    const backup = join(nodes.home, "backup")
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
    expect(await one.reached(13, 10_000)).toBe(true)
  })
})
