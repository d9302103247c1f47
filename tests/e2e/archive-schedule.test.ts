import { type LogNodes, logNodes } from "../support/log-nodes.ts"
import { afterEach, beforeEach, expect, test } from "vitest"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import type { Node } from "../support/gatehouse.ts"
import { eventually } from "../support/records.ts"
import { join } from "node:path"
import { soonTakenOver } from "../support/gatehouse.ts"
import { tmpdir } from "node:os"

let nodes: LogNodes
let archive: string
beforeEach(async () => {
  nodes = await logNodes()
  archive = mkdtempSync(join(tmpdir(), "gatehouse-archive-"))
  return () => rmSync(archive, { recursive: true, force: true })
})
afterEach(() => nodes.stop())

const first = async (node: Node) => (await node.api<{ first: number }>("GET", "/api/v1/log/stats")).body.first
/** 202 while another decider takes over: it is decided later. */
const fill = async (node: Node, name: string, count: number) => {
  for (let index = 0; index < count; index++) {
    const body = { name: `${name}${index}`, target_url: "http://127.0.0.1:1" }
    expect([201, 202]).toContain((await node.api("POST", "/api/v1/instances", body)).status)
  }
}

test("With ARCHIVE_KEEP the leading node archives by itself, another goes on when it is killed, and the log stays whole", async () => {
  const env = { ARCHIVE_DIR: archive, ARCHIVE_KEEP: "10", ...soonTakenOver }
  const [one, other] = [await nodes.node(env), await nodes.node(env)]
  await fill(one, "a", 25)
  await eventually(async () => (await first(other)) > 10, 30_000)
  await one.kill()
  const before = readdirSync(archive).length
  await fill(other, "b", 25)
  await eventually(() => readdirSync(archive).length > before, 40_000)
  // Each node reads all of it, and nothing that is kept was taken.
  const { body } = await other.api<{ ok: boolean; events: number }>("GET", "/api/v1/log/verify")
  expect(body).toMatchObject({ ok: true })
  expect(body.events - (await first(other)) + 1).toBeGreaterThanOrEqual(10)
}, 120_000)

test("Without it nothing is archived that nobody asked for", async () => {
  const node = await nodes.node({ ARCHIVE_DIR: archive })
  await fill(node, "a", 25)
  await new Promise((resolve) => setTimeout(resolve, 6000))
  expect([readdirSync(archive), await first(node)]).toEqual([[], 1])
})
