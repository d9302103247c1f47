import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { commandLine } from "./running-cli.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
let head: number
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  await api.token("alice")
  await cli(["proxy-create", "web.internal", "http://93.184.216.34", "ADMIN", "enable-https=false"])
  head = (await api.store.head()).position
})
afterEach(async ({ expect: inTest }) => {
  // Nothing of all this was done.
  inTest(await api.store.read(head, 100)).toEqual([])
})
afterAll(() => api.stop())
const whatif = async (...words: string[]) => {
  const { code, out, err } = await cli(["whatif", ...words], { tty: true })
  return { code, out, err }
}
const section = (out: string, title: string) =>
  new RegExp(`^${title}:\\n((?: {2}.*\\n)*)`, "m")
    .exec(out)?.[1]
    ?.split("\n")
    .map((line) => line.trim())
    .filter(Boolean)

test("All changes of a recipe are tried, the later ones on what the earlier ones left", async () => {
  const { code, out } = await whatif("proxy-cert-generate", "web.internal", "ADMIN")
  expect(code).toBe(0)
  expect(out).toMatch(/^createCertificate, then updateProxy on the state at position 3; nothing was changed\n/)
  expect(section(out, "events")).toEqual([
    "CertificateRequested certificate/proxy-web-internal",
    "ProxyUpdated proxy/web.internal",
  ])
  expect(out).toContain("      ~ certificate: null → proxy-web-internal\n")
})

test("Recipes and operations are tried in a row, with the rights of whoever each names", async () => {
  const { code, out } = await whatif(
    ...[
      "token-generate",
      "zoe",
      "then",
      "proxy-create",
      "zoe.internal",
      "http://93.184.216.34",
      "zoe",
      "enable-https=false",
    ],
    ...["then", "deleteToken", "--name", "alice"],
  )
  expect(code).toBe(0)
  expect(out).toMatch(/^generateToken, then createProxy, then deleteToken on the state/)
  expect(section(out, "events")).toEqual([
    "TokenCreated api-token/zoe",
    "ProxyCreated proxy/zoe.internal",
    "TokenDeleted api-token/alice",
  ])
  expect(section(out, "would lose access")).toEqual(["token alice: the admin API (the token is deleted)"])
})

test("A recipe that asks with a dry run first is shown with its change alone, and one that waits says so", async () => {
  const deleted = await whatif("token-delete", "alice")
  expect(deleted.out).toMatch(/^deleteToken on the state at position 3; nothing was changed\n/)
  const waits = await whatif("service-create-mcp", "ev", "npx", "-y", "server")
  expect([waits.code, waits.out]).toEqual([
    0,
    expect.stringContaining("service-create-mcp: it would wait here for work"),
  ])
  expect(section(waits.out, "events")).toEqual(["ServiceCreated service/ev", "InstanceRegistered instance/docker-ev"])
})

test("What would be refused says which and why, and what came before it", async () => {
  const { code, out } = await whatif("token-delete", "alice", "then", "proxy-delete", "web.internal", "alice")
  expect(code).toBe(0)
  expect(out).toMatch(
    /^deleteToken, then getProxy on .*\ngetProxy would be refused: not_found: there is no token alice\n/,
  )
  expect(section(out, "events")).toEqual(["TokenDeleted api-token/alice"])
})

test("An earlier state is what the recipe's own looks see too", async () => {
  const gone = await whatif("proxy-delete", "web.internal", "ADMIN", "--at", "2")
  expect(gone.out).toMatch(/^getProxy on the state at position 2;.*\nwould be refused: not_found/)
  expect((await whatif("proxy-delete", "web.internal", "ADMIN", "--at", "3")).out).toContain(
    "ProxyDeleted proxy/web.internal",
  )
})

test("What changes nothing, is unknown, or is no position is a mistake of the caller", async () => {
  expect(await whatif("proxy-list")).toMatchObject({ code: 2, err: "usage: proxy-list changes nothing\n" })
  expect(await whatif("token-delete", "alice", "then", "proxy-list")).toMatchObject({ code: 2, out: "" })
  expect(await whatif("no-such-recipe")).toMatchObject({ code: 2 })
  expect(await whatif("token-delete", "alice", "--at", "noon")).toMatchObject({ code: 2 })
  expect(await whatif("events")).toMatchObject({ code: 2 })
})
