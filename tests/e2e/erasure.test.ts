import { type LogNodes, createProxy, logNodes } from "../support/log-nodes.ts"
import { afterEach, beforeEach, expect, it } from "vitest"
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs"
import { Redis } from "ioredis"
import { eventually, soonTakenOver } from "../support/gatehouse.ts"
import { join } from "node:path"
import { tmpdir } from "node:os"
import { gunzipSync } from "node:zlib"

let nodes: LogNodes
beforeEach(async () => {
  nodes = await logNodes()
})
afterEach(() => nodes.stop())

/** A file that was renamed meanwhile holds nothing under its old name. */
function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0)
    throw error
  }
}

/** Files below folders whose bytes hold a text, as they are or unpacked. */
function holding(text: string, folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
      .filter((path) => {
        const bytes = bytesOf(path)
        return bytes.includes(text) || (path.endsWith(".gz") && gunzipSync(bytes).includes(text))
      }),
  )
}

it("a deleted secret is nowhere any more, byte by byte, and the audit still shows that it existed", async () => {
  const archive = mkdtempSync(join(tmpdir(), "gatehouse-archive-"))
  const env = { ERASURE_DELAY: "1", ARCHIVE_DIR: archive }
  const [one, two] = [await nodes.node(env), await nodes.node(env)]
  const created = await one.api<{ token: string }>("POST", "/api/v1/tokens", { name: "doomed" })
  const { token } = created.body
  await one.api("GET", "/api/v1/tokens/doomed/reveal?confirm=true")
  const made = { hostname: "d.test", target_url: "http://127.0.0.1:8080", owner: "doomed" }
  expect((await one.api("POST", "/api/v1/proxy/targets", made)).status).toBe(201)
  await eventually(
    "the certificate is there",
    async () => {
      const { body } = await two.api<{ status: string }>("GET", "/api/v1/certificates/proxy-d-test")
      return body.status === "active"
    },
    30_000,
  )
  const redis = new Redis(nodes.redis.url)
  const refs = (await redis.keys("{gh}:secret:*")).filter((key) => /token-|cert-key/.test(key))
  const sealed = await Promise.all(refs.map(async (key) => (await redis.get(key))!))
  expect(sealed.length).toBeGreaterThanOrEqual(2)
  const folders = [nodes.redis.dir, one.home, two.home, archive]
  for (const text of sealed) expect(holding(text, folders)).not.toEqual([])
  const keyFiles = () => [one, two].flatMap(({ home }) => holding("v1.", [join(home, "keys")]))
  await eventually("keys are on disk, sealed", async () => keyFiles().length > 0)

  expect((await one.api("DELETE", "/api/v1/tokens/doomed?cascade=true")).status).toBe(200)
  const doomed: string[] = []
  for (const [index, key] of refs.entries()) if ((await redis.exists(key)) === 0) doomed.push(sealed[index]!)
  expect(doomed.length).toBeGreaterThanOrEqual(2)
  await createProxy(one, "later")
  const { body } = await one.api<{ segments: object[] }>("POST", "/api/v1/log/archive", { keep: 1, segment: 5 })
  expect(body.segments.length).toBeGreaterThan(0)
  await eventually(
    "the append-only file is rewritten",
    async () => {
      const stats = await two.api<{ unerased: number }>("GET", "/api/v1/log/stats")
      return stats.body.unerased === 0
    },
    30_000,
  )
  await eventually(
    "no file holds them",
    async () => [token, ...doomed].every((text) => holding(text, folders).length === 0),
    15_000,
  )
  expect((await redis.keys("*")).filter((key) => refs.includes(key)).length).toBe(refs.length - doomed.length)
  redis.disconnect()

  const history = await two.api<{ events: { type: string }[] }>("GET", "/api/v1/history?kind=api-token&name=doomed")
  expect(history.body.events.map(({ type }) => type)).toEqual(["TokenCreated", "TokenRevealed", "TokenDeleted"])
  expect((await two.api<{ ok: boolean }>("GET", "/api/v1/log/verify")).body.ok).toBe(true)
  rmSync(archive, { recursive: true, force: true })
}, 120_000)

it("what one node has left undone another does", async () => {
  const first = await nodes.node({ ...soonTakenOver, ERASURE_DELAY: "3600" })
  await first.api("POST", "/api/v1/tokens", { name: "doomed" })
  await first.api("DELETE", "/api/v1/tokens/doomed")
  const unerased = async (node: typeof first) =>
    (await node.api<{ unerased: number }>("GET", "/api/v1/log/stats")).body.unerased
  expect(await unerased(first)).toBe(1)
  await first.kill()
  const second = await nodes.node({ ERASURE_DELAY: "1" })
  await eventually("it is erased", async () => (await unerased(second)) === 0)
}, 90_000)
