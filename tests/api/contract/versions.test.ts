import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { endpoints } from "../../../src/api/endpoint-table.ts"
import { populate } from "../generated/population.ts"

let api: RunningApi
let alice: string
let bob: string
let client: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
  await populate(api, alice, bob)
  const webhook = { name: "alices", url: "https://93.184.216.34/hook" }
  await api.call("POST", "/api/v1/webhooks", webhook, {}, alice)
  const staged = { cert_name: "staged", domain: "staged.example.com", email: "a@example.com", staging: true }
  await api.call("POST", "/api/v1/certificates", staged, {}, alice)
  const made = await api.call("POST", "/api/v1/oauth/clients", { client_name: "app" }, {}, alice)
  client = made.body["client_id"] as string
})
afterAll(() => api.stop())

/** An object of alice for each parameter; what has a version. */
const params = (path: string): Record<string, string> => ({
  name: path.startsWith("/api/v1/tokens") ? "alice" : "alices",
  cert_name: path.endsWith("/convert-to-production") ? "staged" : "alices",
  hostname: "alice.internal",
  route_id: "alices",
  uri: encodeURIComponent("https://alice.internal:8443/mcp"),
  client_id: client,
})
const versioned =
  /^\/api\/v1\/(tokens|certificates|proxy\/targets|routes|instances|resources|oauth\/clients|services|webhooks)\/\{/

/** What their bodies must hold. */
const bodies: Readonly<Record<string, object>> = {
  changeOAuthClient: { disabled: true },
  setProxyAuth: { auth_proxy: "auth.localhost" },
  setProxyRoutes: { route_mode: "all" },
  createServiceProxy: { hostname: "made.internal" },
  validateResourceToken: { token: "x" },
  replayWebhook: { from: 1 },
  retryWebhookDelivery: { position: 1 },
}

/** No change of the object, or one of what is kept beside the log. */
const unconditional = /^(validateResourceToken|testWebhook|retryWebhookDelivery)$/

const addressed = endpoints.filter(({ path }) => versioned.test(path))
const rows = (wanted: (method: string) => boolean) =>
  addressed
    .filter(({ method }) => wanted(method))
    .map(({ operationId, method, path }) => [operationId, method, path] as const)
const urlOf = (path: string) => path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params(path)[name]!)

describe("a change of what is there", () => {
  const changes = rows((method) => method !== "GET").filter(([operationId]) => !unconditional.test(operationId))
  test.each(changes)("by %s is refused for another version, and changes nothing", async (operationId, method, path) => {
    const { position } = api.projections.world
    const answer = await api.call(method, urlOf(path), bodies[operationId], { "if-match": '"1"' })
    expect([answer.status, answer.body["code"]], JSON.stringify(answer.body)).toEqual([412, "precondition_failed"])
    expect(api.projections.world.position).toBe(position)
  })
})

describe("a read of one object", () => {
  /** Not the object: a list of others, what the engine says, or what was counted. */
  const others =
    /^(listToken(Certificates|Proxies)|revealToken|getServiceLogs|getServiceStats|listOAuthClientTokens|getOAuthClientStats)$/
  const reads = rows((method) => method === "GET").filter(([operationId]) => !others.test(operationId))
  test.each(reads)("by %s has an entity tag, and is not sent again", async (_, method, path) => {
    const first = await api.call(method, urlOf(path))
    const tag = first.headers.get("etag")
    expect([first.status, tag]).toEqual([200, expect.stringMatching(/^"\d+-[\w-]{16}"$/)])
    const again = await api.call(method, urlOf(path), undefined, { "if-none-match": tag! })
    expect([again.status, again.body]).toEqual([304, ""])
  })
})

describe("a body", () => {
  const taking = endpoints.filter(({ body }) => body !== undefined)
  test.each(taking.map(({ operationId, method, path }) => [operationId, method, path] as const))(
    "of %s is an object, and no other JSON",
    async (_, method, path) => {
      const { position } = api.projections.world
      for (const text of ["null", "[]", '"x"', "1", "true"]) {
        const { status, body } = await api.call(method, urlOf(path), text)
        expect([text, status, body["code"]]).toEqual([text, 422, "validation_failed"])
      }
      expect(api.projections.world.position).toBe(position)
    },
  )
})

describe("another owner", () => {
  const owned = addressed.filter(({ path, who }) => who !== "admin" && !path.startsWith("/api/v1/tokens"))
  test.each(owned.map(({ operationId, method, path }) => [operationId, method, path] as const))(
    "has no way to %s",
    async (operationId, method, path) => {
      const { position } = api.projections.world
      const { status, body } = await api.call(method, urlOf(path), bodies[operationId], {}, bob)
      // Of a client that is on none of its hosts an owner does not even hear.
      const refusal = path.includes("/oauth/clients/") ? [404, "not_found"] : [403, "not_owner"]
      expect([status, body["code"]], JSON.stringify(body)).toEqual(refusal)
      expect(api.projections.world.position).toBe(position)
    },
  )

  const url = "http://93.184.216.34"
  test.each([
    ["POST", "certificates", { domain: "new.internal" }],
    ["POST", "certificates/multi-domain", { cert_name: "new", domains: ["new.internal"] }],
    ["POST", "proxy/targets", { hostname: "new.internal", target_url: url }],
    ["PUT", "proxy/targets/alice.internal", {}],
    ["POST", "routes", { path_pattern: "/new", target_type: "url", target_value: url }],
    ["PUT", "routes/alices", {}],
    ["POST", "instances", { name: "new", target_url: url }],
    ["PUT", "instances/alices", {}],
    ["POST", "resources", { uri: "https://alice.internal:8443/new", name: "n", proxy_target: "alice.internal" }],
    ["PUT", `resources/${encodeURIComponent("https://alice.internal:8443/mcp")}`, {}],
    ["PUT", "services/alices", {}],
    ["POST", "webhooks", { name: "new", url: "https://93.184.216.34/hook" }],
    ["PUT", "webhooks/alices", {}],
    ["POST", "oauth/clients", { client_name: "new" }],
  ])("is named by an administrator alone: %s %s", async (method, path, body) => {
    const { position } = api.projections.world
    const given = { ...body, owner: "bob" }
    const refused = await api.call(method, `/api/v1/${path}`, given, {}, alice)
    expect([refused.status, refused.body["code"]], JSON.stringify(refused.body)).toEqual([403, "admin_required"])
    expect(api.projections.world.position).toBe(position)
  })
})
