import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
})
afterAll(() => api?.stop())

const base = "/api/v1/oauth"

test("a client that is named by a URL is found under it", async () => {
  const client_id = "https://app.example/oauth/client.json?a=1"
  const metadata = {
    client_name: "Described",
    redirect_uris: ["https://app.example/cb"],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  }
  const expires_at = new Date(Date.now() + 43_200_000).toISOString()
  await api.report("RecordClientDocument", { client_id, metadata, expires_at })
  const path = `${base}/clients/${encodeURIComponent(client_id)}`
  expect((await api.call("GET", path)).body).toMatchObject({ client_id, kind: "cimd", days_until_expiry: 0 })
  expect((await api.call("GET", path, undefined, {}, alice)).status).toBe(404)
  expect((await api.call("PATCH", path, { client_name: "Other" })).status).toBe(409)
  expect((await api.call("DELETE", path)).body).toEqual({ client_id, revoked_grants: 0 })
})

test.each([
  ["GET", "clients/%00", 404],
  ["GET", "clients/__proto__", 404],
  ["GET", "clients/mcp_unknown00/tokens", 404],
  ["GET", "clients/mcp_unknown00/stats?hours=1e3", 422],
  ["GET", "clients?page=0", 422],
  ["GET", "clients?per_page=101", 422],
  ["GET", "clients?page=1&page=2", 422],
  ["GET", "sessions?kind=everything", 422],
  ["GET", "sessions/..%2F..%2Fclients", 404],
  ["DELETE", "sessions/0", 404],
  ["DELETE", "sessions/00000000-0000-4000-8000-000000000000", 404],
  ["DELETE", "tokens/00000000-0000-4000-8000-000000000000", 404],
  ["GET", "tokens/%F0%9F%92%A9", 404],
  ["GET", "tokens?token_type=id", 422],
  ["GET", "proxies/not a host/sessions", 404],
  ["GET", "proxies/unknown.test/sessions", 404],
  ["GET", "admin/setup-status?domain=..", 422],
  ["PUT", "clients/mcp_unknown00", 405],
])("%s %s is answered %i", async (method, path, status) => {
  expect((await api.call(method, `${base}/${path.replaceAll(" ", "%20")}`)).status).toBe(status)
})

test.each([
  [{}, 422],
  [{ url: 7 }, 422],
  [{ url: "" }, 422],
  [{ url: "https://a.example", token: "two words" }, 422],
  [{ url: "https://a.example", follow: true }, 422],
  [{ url: "x".repeat(3000) }, 422],
  [[], 422],
])("a check of %j is refused", async (body, status) => {
  expect((await api.call("POST", `${base}/diagnose`, body)).status).toBe(status)
})

test.each([
  "javascript:alert(1)",
  "file:///etc/passwd",
  "https://user:pass@a.example/mcp",
  "//a.example",
  "https://[::1]:0/",
  "ftp://127.0.0.1/",
])("a check of %s makes no call", async (url) => {
  const { status, body } = await api.call<{ broken: { step: string } }>("POST", `${base}/diagnose`, { url })
  expect([status, body.broken.step]).toEqual([200, "connection"])
  expect((await api.call("POST", `${base}/diagnose`, { url }, {}, alice)).status).toBeGreaterThanOrEqual(400)
})

test("an owner cannot have another's client, nor make one for another", async () => {
  const made = await api.call("POST", `${base}/clients`, { client_name: "x", owner: "ADMIN" }, {}, alice)
  expect(made.status).toBe(403)
  expect((await api.call("POST", `${base}/clients`, { client_name: "x", kind: "dynamic" })).status).toBe(422)
  expect((await api.call("POST", `${base}/clients`, { client_name: "x", client_secret: "mine" })).status).toBe(422)
})
