import { type LogNodes, createProxy, logNodes } from "../support/log-nodes.ts"
import { afterEach, beforeEach, expect, it } from "vitest"

let nodes: LogNodes
beforeEach(async () => {
  nodes = await logNodes()
})
afterEach(() => nodes.stop())

interface Digest {
  position: number
  hash: string
  kinds: Record<string, string>
}

/** A process whose clock is two years ahead. */
const ahead = `data:text/javascript,${encodeURIComponent(
  "const now = Date.now; const real = Date; const later = () => now() + 63072000000;" +
    "globalThis.Date = class extends real { constructor(...a) { a.length ? super(...a) : super(later()) } static now() { return later() } }",
)}`

it("to a position gives the digest that was recorded live there, under another clock and time zone, and starts nothing", async () => {
  const one = await nodes.node()
  const recorded: Digest[] = []
  for (const name of ["a", "b", "c"]) {
    await createProxy(one, name)
    recorded.push((await one.api<Digest>("GET", "/api/v1/digest")).body)
  }
  expect((await one.api("DELETE", "/api/v1/proxy/targets/b.test")).status).toBe(200)
  const other = await nodes.node({ TZ: "Pacific/Kiritimati", NODE_OPTIONS: `--import=${ahead}` })
  expect(
    Date.parse((await other.api<{ signed_at: string }>("POST", "/api/v1/log/checkpoint")).body.signed_at),
  ).toBeGreaterThan(Date.now() + 60_000_000_000)
  const { position } = (await one.api<Digest>("GET", "/api/v1/digest")).body
  for (const digest of recorded) {
    const { body } = await other.api<{ digest: Digest }>("GET", `/api/v1/log/replay?to=${digest.position}`)
    expect(body.digest).toEqual(digest)
  }
  const trial = { operation: "deleteProxy", params: { hostname: "c.test" }, at: recorded[2]!.position }
  expect((await other.api<{ events: object[] }>("POST", "/api/v1/log/whatif", trial)).body.events).toHaveLength(1)
  expect((await one.api("GET", "/api/v1/proxy/targets/c.test")).status).toBe(200)
  const containers = await one.api<{ events: { type: string }[] }>("GET", `/api/v1/events?from=${position + 1}`)
  expect(containers.body.events.filter(({ type }) => type.startsWith("Proxy"))).toEqual([])
})
