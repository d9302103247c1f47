import { type LogNodes, createProxy, logNodes } from "../support/log-nodes.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { type Page, get, readings, refusals } from "./log-readings.ts"
import type { Node } from "../support/gatehouse.ts"
import { WebSocket } from "ws"
import { join } from "node:path"
import { once } from "node:events"
import { subscriber } from "../api/subscribers/subscriber.ts"
import { tmpdir } from "node:os"
import { until } from "../support/until.ts"
import { webhookReceiver } from "../support/webhook-receiver.ts"

interface Report {
  readonly first: number
  readonly archived: number
  readonly segments: readonly object[]
}

let nodes: LogNodes
let folder: string
let one: Node
let two: Node
/** Last position before the log was archived; what the readers said then; and what was done. */
let last: number
let before: Awaited<ReturnType<typeof readings>>
let report: Report

beforeAll(async () => {
  nodes = await logNodes()
  folder = mkdtempSync(join(tmpdir(), "gatehouse-archive-"))
  one = await nodes.node({ ARCHIVE_DIR: join(folder, "all") })
  two = await nodes.node({ ARCHIVE_DIR: join(folder, "all") })
  for (const name of ["a", "b", "c", "d", "e", "f"]) last = await createProxy(one, name)
  // One that is refused, for the audit.
  await one.api("POST", "/api/v1/proxy/targets", { hostname: "a.test", target_url: "http://127.0.0.1:1" })
  last = await createProxy(one, "g")
  before = await readings(two, last)
  const { body } = await one.api<Report>("POST", "/api/v1/log/archive", { keep: 1, segment: 4 })
  report = body
}, 120_000)
afterAll(async () => {
  await nodes.stop()
  rmSync(folder, { recursive: true, force: true })
})

const all = (upTo = last) => Array.from({ length: upTo }, (_, index) => index + 1)

describe("a log of which most is in the archive", () => {
  it("is one for lists, single events, history and audit, on every node", async () => {
    expect(report).toMatchObject({ first: report.archived + 1, archived: expect.any(Number) })
    expect(report.segments.length).toBeGreaterThan(2)
    expect(await nodes.redis.command("XRANGE {gh}:events - + COUNT 1")).toContain(`${report.first}-0`)
    expect(before.pages.map(({ position }) => position)).toEqual(all())
    expect(before.newest.events.map(({ position }) => position)).toEqual(all().toReversed())
    expect(before.made.events).toHaveLength(7)
    expect(before.refused.map(({ code }) => code)).toEqual(["already_exists"])
    for (const node of [one, two, await nodes.node({ ARCHIVE_DIR: join(folder, "all") })]) {
      const { audit, ...now } = await readings(node, last)
      const { audit: earlier, ...rest } = before
      expect(now).toEqual(rest)
      expect(audit.entries).toEqual(earlier.entries)
    }
    expect((await one.api("GET", "/api/v1/events/99999")).status).toBe(404)
  })

  it("is streamed from its first event on, and goes on with what happens", async () => {
    const sources = await Promise.all(
      [one, two].map((node) =>
        subscriber(`http://127.0.0.1:${node.apiPort}/api/v1/events/stream?from=1`, nodes.shared.ADMIN_TOKEN),
      ),
    )
    const socket = new WebSocket(`ws://127.0.0.1:${two.apiPort}/api/v1/events/stream?from=2`, {
      headers: { authorization: `Bearer ${nodes.shared.ADMIN_TOKEN}` },
    })
    const seen: number[] = []
    socket.on("message", (data: Buffer) => {
      const { position } = JSON.parse(data.toString()) as { position?: number }
      if (position !== undefined) seen.push(position)
    })
    await once(socket, "open")
    const end = await createProxy(one, "live")
    await until(() => seen.at(-1) === end && sources.every(({ lastId }) => Number(lastId) >= end))
    for (const { received } of sources) expect(received.map(({ event }) => event.position)).toEqual(all(end))
    expect(seen).toEqual(all(end).slice(1))
    socket.close()
    await Promise.all(sources.map((source) => source.leave()))
  })

  it("is delivered to a webhook from its first event on, and again when that is asked for", async () => {
    const receiver = await webhookReceiver()
    const hook = { name: "old", url: receiver.url, from: 1, filter: { types: ["ProxyCreated"] } }
    expect((await one.api("POST", "/api/v1/webhooks", hook)).status).toBe(201)
    const made = (await get<Page>(one, "/api/v1/events?type=ProxyCreated&order=asc")).events.map(
      ({ position }) => position,
    )
    await until(() => receiver.positions().length === made.length)
    expect((await one.api("POST", "/api/v1/webhooks/old/replay", { from: 1 })).status).toBe(200)
    await until(() => receiver.positions().length === 2 * made.length)
    expect(receiver.positions()).toEqual([...made, ...made])
    expect((await one.api("DELETE", "/api/v1/webhooks/old")).status).toBe(204)
    await receiver.stop()
  })
})

describe("a node", () => {
  const fourTimes = (status: number, code: string) => Array.from({ length: 5 }, () => [status, code]).flat()

  it("whose archive begins later says that older positions are gone, and reads on from there", async () => {
    const some = join(folder, "some")
    cpSync(join(folder, "all"), some, { recursive: true })
    const [oldest, second] = readdirSync(some).sort()
    rmSync(join(some, oldest!))
    const node = await nodes.node({ ARCHIVE_DIR: some })
    expect(await refusals(node, 1)).toEqual([...fourTimes(410, "position_archived"), 410])
    const first = Number(second!.slice(0, 15))
    expect(await get(node, `/api/v1/events/${first}`)).toMatchObject({ position: first })
    const rest = await get<Page>(node, `/api/v1/events?from=${first}&to=${last}&order=asc&per_page=100`)
    expect(rest.events).toEqual(before.pages.slice(first - 1))
    const { code } = (await node.api<{ code: string }>("GET", `/api/v1/events/${first - 1}`)).body
    expect(code).toBe("position_archived")
  }, 90_000)

  it("without the archive says that it cannot be read, without its folder's name, and serves what is in Redis", async () => {
    const node = await nodes.node({ ARCHIVE_DIR: join(folder, "nothing") })
    expect(await refusals(node, 1)).toEqual([...fourTimes(503, "archive_unavailable"), 503])
    const { body } = await node.api<{ detail: string }>("GET", "/api/v1/events/1")
    expect(body.detail).not.toContain(folder)
    expect(await get(node, `/api/v1/events/${report.first}`)).toMatchObject({ position: report.first })
  }, 90_000)
})
