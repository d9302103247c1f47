import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { registerClient, tokensFor } from "./flow.ts"

let redis: RedisServer
let node: OAuthNode
let token: string
let alice: string

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url, env: { TRUSTED_PROXIES: "127.0.0.1" } })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  const resource = await protectedProxy(node, "mcp.test")
  await protectedProxy(node, "other.test")
  token = (await tokensFor(node, await registerClient(node), alice, { resource })).access_token
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const ask = (headers: Record<string, string>, method = "GET") => send(node, "/verify", { method, headers })
const bearer = () => ({ authorization: `Bearer ${token}` })

describe("forward authentication", () => {
  it("says who a token speaks for", async () => {
    for (const method of ["GET", "POST"]) {
      const answer = await ask({ ...bearer(), "x-forwarded-host": "MCP.test:8443" }, method)
      expect(answer.status).toBe(200)
      expect(answer.headers).toMatchObject({
        "cache-control": "no-store",
        "x-auth-user-id": "local-alice",
        "x-auth-user-name": "alice",
        "x-auth-scopes": "mcp:read mcp:write",
      })
      expect(answer.json()).toMatchObject({ sub: "local-alice", username: "alice", aud: ["https://mcp.test:8443/mcp"] })
    }
  })

  it("refuses what the gateway would refuse", async () => {
    const without = await ask({ "x-forwarded-host": "mcp.test" })
    expect(without.status).toBe(401)
    expect(without.headers["www-authenticate"]).toBe(
      'Bearer realm="mcp.test", scope="mcp:read mcp:write", ' +
        'resource_metadata="https://mcp.test:8443/.well-known/oauth-protected-resource/mcp", ' +
        'as_uri="https://auth.localhost:8443/.well-known/oauth-authorization-server", ' +
        'resource_uri="https://mcp.test:8443/.well-known/oauth-protected-resource"',
    )
    const foreign = await ask({ ...bearer(), "x-forwarded-host": "other.test" })
    expect(foreign.headers["www-authenticate"]).toMatch(
      /^Bearer realm="other.test", error="invalid_token", error_description="[^"]+", scope="mcp:read mcp:write", /,
    )
    const bad = await ask({ authorization: "Bearer e30.e30.e30" })
    expect([bad.status, bad.headers["www-authenticate"]]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    expect((await ask({ ...bearer(), "x-forwarded-host": "other.test" })).status, "another audience").toBe(401)
    expect((await ask({ ...bearer(), "x-original-url": "https://other.test:8443/mcp" })).status).toBe(401)
    expect((await ask({ ...bearer(), "x-forwarded-host": "unknown.test" })).status, "the token alone").toBe(200)
  })

  it("lets nothing pass for a host that is switched off, also in passthrough mode", async () => {
    const resource = await protectedProxy(node, "off.test", {
      auth_mode: "passthrough",
      auth_excluded_paths: ["/open"],
    })
    const good = (await tokensFor(node, await registerClient(node), alice, { resource })).access_token
    const at = { authorization: `Bearer ${good}`, "x-forwarded-host": "off.test", "x-forwarded-uri": "/open" }
    expect((await ask(at)).status).toBe(200)
    await node.execute("UpdateProxy", { hostname: "off.test", changes: { enabled: false } })
    for (const headers of [at, { ...at, "x-forwarded-uri": "/mcp" }, { "x-forwarded-host": "off.test" }]) {
      const answer = await ask(headers)
      expect([answer.status, answer.headers["retry-after"]]).toEqual([503, "60"])
    }
  })

  it("names the scopes that a token lacks, and gives people whom the rule leaves out no challenge", async () => {
    await protectedProxy(node, "narrow.test", {}, { mcp_scopes: ["narrow:use"] })
    const scoped = (
      await tokensFor(node, await registerClient(node), alice, { resource: "https://narrow.test:8443/mcp" })
    ).access_token
    const at = (host: string, of: string) => ask({ authorization: `Bearer ${of}`, "x-forwarded-host": host })
    expect((await at("narrow.test", scoped)).status).toBe(200)
    const mcp = { mcp_enabled: true, mcp_endpoint: "/mcp", mcp_stateful: false, mcp_override_backend: false }
    await node.execute("SetProxyMcp", { hostname: "narrow.test", mcp: { ...mcp, mcp_scopes: ["narrow:more"] } })
    const lacking = await at("narrow.test", scoped)
    expect([lacking.status, lacking.headers["www-authenticate"]]).toEqual([
      403,
      'Bearer realm="narrow.test", error="insufficient_scope", scope="narrow:more", ' +
        'resource_metadata="https://narrow.test:8443/.well-known/oauth-protected-resource/mcp", ' +
        'error_description="the token lacks the scopes of this resource"',
    ])
    await protectedProxy(node, "closed.test")
    const closed = (
      await tokensFor(node, await registerClient(node), alice, { resource: "https://closed.test:8443/mcp" })
    ).access_token
    await node.execute("SetProxyAuth", {
      hostname: "closed.test",
      auth: {
        auth_enabled: true,
        auth_proxy: "auth.localhost",
        auth_mode: "forward",
        auth_required_users: ["bob"],
        auth_required_emails: null,
        auth_required_groups: null,
        auth_pass_headers: true,
        auth_excluded_paths: [],
        auth_cookie_name: null,
        auth_header_prefix: "X-Auth-",
      },
    })
    const shut = await at("closed.test", closed)
    expect([shut.status, shut.headers["www-authenticate"]]).toEqual([403, undefined])
  })
})
