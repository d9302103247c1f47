import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RunnerNodes, append, runnerNodes, story, token } from "../support/runner-nodes.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { eventually } from "../support/records.ts"
import { copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs"
import type { EventStore } from "../../src/platform/event-store.ts"
import { join } from "node:path"
import { snapshotName } from "../../src/projections/snapshot.ts"

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

describe("snapshots", () => {
  test("are written every so many events and at the end, for the owner's eyes only", async () => {
    const store = await nodes.openStore(server)
    const one = nodes.node(store, { snapshotEvery: 5 })
    await eventually(() => one.live)
    await append(store, story.slice(0, 6))
    await eventually(async () => (await store.snapshot(snapshotName))?.includes('"position":6'))
    const path = join(nodes.home, "snapshot/world.json")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await append(store, story.slice(6))
    await one.reached(12, 10_000)
    await one.stop()
    expect(await store.snapshot(snapshotName)).toContain('"position":12')
    expect(readFileSync(path, "utf8")).toContain('"position":12')
  })

  test("of the store let a node without a local one begin there", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    const digest = one.digest()
    await one.stop()
    const read: number[] = []
    const watching: EventStore = { ...store, read: (after, limit) => (read.push(after), store.read(after, limit)) }
    const fresh = nodes.node(watching, { home: join(nodes.home, "fresh") })
    await eventually(() => fresh.live)
    expect(fresh.digest()).toEqual(digest)
    expect(Math.min(...read)).toBeGreaterThanOrEqual(11)
  })

  test.each([
    ["cut", (text: string) => text.slice(0, -20)],
    ["changed", (text: string) => text.replace("other@example.com", "evil!@example.com")],
    ["of another schema", (text: string) => text.replace(/"schema":\d+/, '"schema":0')],
    ["empty", () => ""],
    ["garbage", () => "{}\n{}\n"],
  ])("that are %s are not used", async (_, damage) => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    const digest = one.digest()
    await one.stop()
    const path = join(nodes.home, "snapshot/world.json")
    writeFileSync(path, damage(readFileSync(path, "utf8")))
    await server.command(`DEL {gh}:snapshot:${snapshotName}`)
    const again = nodes.node(store)
    expect(again.ready).toBe(false)
    await eventually(() => again.live)
    expect(again.digest()).toEqual(digest)
  })

  test("of the store that are of another log are not used", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    await one.stop()
    const snapshot = (await store.snapshot(snapshotName))!
    await server.command("FLUSHALL")
    await store.saveSnapshot(snapshotName, snapshot)
    const fresh = nodes.node(store, { home: join(nodes.home, "fresh") })
    await eventually(() => fresh.live)
    expect(fresh.position).toBe(0)
    await append(
      store,
      [...story, token("z")].map((event) => ({ ...event, id: `other ${event.id}` })),
    )
    const later = nodes.node(store, { home: join(nodes.home, "later") })
    await eventually(() => later.live)
    expect(later.position).toBe(13)
    expect([...later.world.objects["api-token"].keys()]).toContain("other a")
  })

  test("that cannot be written do not stop the node", async () => {
    const store = await nodes.openStore(server)
    writeFileSync(join(nodes.home, "file"), "")
    const one = nodes.node(store, { home: join(nodes.home, "file"), snapshotEvery: 1 })
    await eventually(() => one.live)
    await append(store, story)
    expect(await one.reached(12, 10_000)).toBe(true)
    await eventually(() => nodes.lines.join("").includes("snapshot_failed"))
    await one.stop()
  })

  test("left half written by a crash leave the one before", async () => {
    const store = await nodes.openStore(server)
    await append(store, story)
    const one = nodes.node(store)
    await eventually(() => one.live)
    await one.stop()
    const path = join(nodes.home, "snapshot/world.json")
    copyFileSync(path, `${path}.new`)
    writeFileSync(`${path}.new`, readFileSync(path, "utf8").slice(0, 40))
    const again = nodes.node(store)
    expect(again.position).toBe(12)
    await append(store, [token("z")])
    await again.reached(13, 10_000)
    await again.stop()
    expect(readFileSync(path, "utf8")).toContain('"position":13')
  })
})
