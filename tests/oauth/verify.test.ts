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
      'Bearer realm="mcp.test", resource_metadata="https://mcp.test:8443/.well-known/oauth-protected-resource"',
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
})
