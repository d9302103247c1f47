import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { registerClient, tokensFor } from "./flow.ts"

let redis: RedisServer
let node: OAuthNode
let token: string

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url, env: { TRUSTED_PROXIES: "127.0.0.1" } })
  await node.ensureSigningKey()
  const alice = await apiToken(node, "alice")
  const app = { mcp_allowed_origins: ["https://app.example"] }
  await protectedProxy(node, "mcp.test", { auth_excluded_paths: ["/public", "/docs/"] }, app)
  await protectedProxy(node, "all.test", { auth_excluded_paths: ["/"] })
  const resource = await protectedProxy(node, "open.test", { auth_mode: "passthrough" })
  await protectedProxy(node, "bobs.test", { auth_mode: "passthrough", auth_required_users: ["bob"] })
  token = (await tokensFor(node, await registerClient(node), alice, { resource })).access_token
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const ask = (headers: Record<string, string>, method = "GET") => send(node, "/verify", { method, headers })
const at = (host: string, uri: string) => ({ "x-forwarded-host": host, "x-forwarded-uri": uri })
const nobody = { sub: null, client_id: null, scope: "", groups: [], aud: [] }

/** Status, and the names of headers that tell an identity. */
async function outcome(headers: Record<string, string>): Promise<[number, string[]]> {
  const answer = await ask(headers)
  if (answer.status === 200) expect(answer.headers["cache-control"]).toBe("no-store")
  return [answer.status, Object.keys(answer.headers).filter((name) => name.startsWith("x-auth-"))]
}

describe("open paths of a protected host", () => {
  it.each(["/public", "/public/", "/public/a?b=c", "//public//a", "/%70ublic", "/docs", "/docs/a"])(
    "pass for everybody, without a name: %s",
    async (uri) => {
      expect(await outcome(at("mcp.test", uri))).toEqual([200, []])
      expect((await ask({ ...at("mcp.test", uri), authorization: `Bearer ${token}` })).json()).toEqual(nobody)
      expect(await outcome({ "x-original-url": `https://mcp.test:8443${uri}` })).toEqual([200, []])
    },
  )

  it.each(["/publicity", "/Public", "/public;a=b", "/private/public", "/", "/public/%C3%A4"])(
    "are no others: %s",
    async (uri) => {
      expect(await outcome(at("mcp.test", uri))).toEqual([401, []])
      expect(await outcome({ "x-original-url": `https://mcp.test:8443${uri}` })).toEqual([401, []])
    },
  )

  it.each(["/public/../admin", "/public/%2e%2e/admin", "/public%2Fa", "/public\\a", "public", "/public/%"])(
    "cannot be feigned: %s",
    async (uri) => {
      expect(await outcome(at("mcp.test", uri))).toEqual([400, []])
      if (uri.startsWith("/"))
        expect(await outcome({ "x-original-url": `https://mcp.test:8443${uri}` })).toEqual([400, []])
    },
  )

  it("are not open where nobody tells the path", async () => {
    expect(await outcome({ "x-forwarded-host": "mcp.test" })).toEqual([401, []])
    expect(await outcome({ "x-forwarded-host": "all.test" })).toEqual([401, []])
    expect(await outcome({ "x-original-url": "https://all.test:8443" })).toEqual([200, []])
    expect(await outcome({ "x-original-url": "https://all.test:8443?a=b" })).toEqual([200, []])
  })
})

describe("a host in passthrough mode", () => {
  it("lets everybody through, and names who is known and may", async () => {
    expect(await outcome(at("open.test", "/"))).toEqual([200, []])
    expect((await ask(at("open.test", "/"))).json()).toEqual(nobody)
    expect((await ask({ ...at("open.test", "/"), authorization: `Bearer ${token}` })).json()).toMatchObject({
      sub: "local-alice",
    })
    for (const authorization of ["Bearer e30.e30.e30", "DPoP e30.e30.e30", "Basic YTpi"])
      expect(await outcome({ ...at("open.test", "/"), authorization })).toEqual([200, []])
    expect(await outcome({ ...at("bobs.test", "/"), authorization: `Bearer ${token}` })).toEqual([200, []])
  })

  it("lets nothing through that the backend could read as somebody's word", async () => {
    expect(await outcome({ ...at("open.test", "/"), authorization: "Bearer a b" })).toEqual([400, []])
    expect(await outcome({ ...at("open.test", "/"), authorization: "Bearer" })).toEqual([400, []])
  })
})

describe("a preflight", () => {
  const asked = {
    "x-forwarded-method": "OPTIONS",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, x-private, mcp-param-a",
  }
  const from = (origin: string, uri = "/mcp", more = {}) => ask({ ...at("mcp.test", uri), ...asked, origin, ...more })

  it("to the MCP endpoint passes for pages that may call it, with what the gateway would answer", async () => {
    for (const origin of ["https://app.example", "https://mcp.test:8443"]) {
      const answer = await from(origin)
      expect([answer.status, answer.json()], origin).toEqual([200, nobody])
      expect(answer.headers).toMatchObject({
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": "authorization, mcp-param-a",
        vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
      })
      expect(answer.headers).not.toHaveProperty("access-control-allow-credentials")
    }
    for (const origin of ["https://evil.example", "null"]) {
      const refused = await from(origin)
      expect([refused.status, refused.headers["access-control-allow-origin"]], origin).toEqual([403, undefined])
    }
  })

  it("is nothing special elsewhere, nor is what only looks like one", async () => {
    const app = "https://app.example"
    expect((await from(app, "/other")).status).toBe(401)
    expect((await from(app, "/public")).status).toBe(200)
    expect((await from(app, "/mcp", { "x-forwarded-method": "POST" })).status).toBe(401)
    expect((await ask({ ...at("mcp.test", "/mcp"), ...asked })).status, "no origin").toBe(401)
    const { "access-control-request-method": _, ...plain } = asked
    expect((await ask({ ...at("mcp.test", "/mcp"), ...plain, origin: app })).status, "a plain OPTIONS").toBe(401)
    expect((await ask({ ...asked, "x-forwarded-host": "mcp.test", origin: app })).status, "which path?").toBe(401)
    expect((await ask({ ...asked, origin: app })).status, "which host?").toBe(401)
  })
})

describe("a proxy that asks by the method of the original request", () => {
  it.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])("gets the same answers: %s", async (method) => {
    const here = at("mcp.test", "/mcp")
    expect((await ask(here, method)).status).toBe(401)
    expect((await ask({ ...at("open.test", "/"), authorization: `Bearer ${token}` }, method)).status).toBe(200)
    expect((await ask({ authorization: "Bearer e30.e30.e30" }, method)).status).toBe(401)
    const preflight = { ...here, origin: "https://app.example", "access-control-request-method": "POST" }
    const answer = await ask(preflight, method)
    expect(answer.status).toBe(method === "OPTIONS" ? 200 : 401)
    expect(answer.headers["access-control-allow-origin"]).toBe(method === "OPTIONS" ? preflight.origin : undefined)
  })
})

describe("what a client sends of the headers that its proxy does not set", () => {
  it.each([
    ["another host", { "x-original-url": "https://all.test:8443/mcp" }],
    ["another path", { "x-original-url": "https://mcp.test:8443/public" }],
    ["another query", { "x-original-url": "https://mcp.test:8443/mcp?a" }],
    ["another method", { "x-forwarded-method": "POST", "x-original-method": "GET" }],
    ["no URL", { "x-original-url": "/public" }],
    ["another scheme", { "x-original-url": "file:///public" }],
  ])("chooses no other rule: %s", async (_what, headers) => {
    expect(await outcome({ ...at("mcp.test", "/mcp"), ...headers })).toEqual([400, []])
    expect(await outcome({ ...at("mcp.test", "/mcp"), ...headers, authorization: `Bearer ${token}` })).toEqual([
      400,
      [],
    ])
  })

  it("does no harm where it says the same", async () => {
    const same = { "x-original-url": "https://MCP.test/%70ublic?a", "x-original-method": "get" }
    expect(await outcome({ ...at("mcp.test:8443", "/public?a"), "x-forwarded-method": "GET", ...same })).toEqual([
      200,
      [],
    ])
  })

  it.each(["mcp.test.", "MCP.test", "mcp.test:443", "mcp.test:"])("is the host in any spelling: %s", async (host) => {
    expect(await outcome(at(host, "/mcp"))).toEqual([401, []])
    const foreign = { authorization: `Bearer ${token}` }
    expect(await outcome({ ...at(host, "/mcp"), ...foreign }), "a token for another host").toEqual([401, []])
    expect(await outcome({ "x-original-url": `https://${host}/mcp`, ...foreign })).toEqual([401, []])
  })

  it.each([
    "mcp.test, all.test",
    "mcp.test:99999",
    "mcp.test/",
    "user@mcp.test",
    "mcp..test",
    "[::1",
    "mcp\u00e4.test",
    "",
  ])("is no host that nobody protects: %j", async (host) => {
    const foreign = { authorization: `Bearer ${token}` }
    expect(await outcome({ ...at(host, "/mcp"), ...foreign })).toEqual([400, []])
    expect(await outcome({ "x-original-url": `https://${host}/mcp`, ...foreign })).not.toEqual([200, []])
  })
})

describe("whoever is not believed about the original request", () => {
  it("has no open path", async () => {
    const elsewhere = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false })
    try {
      for (const host of ["all.test", "open.test"])
        expect((await send(elsewhere, "/verify", { headers: at(host, "/") })).status).toBe(401)
    } finally {
      await elsewhere.stop()
    }
  })
})
