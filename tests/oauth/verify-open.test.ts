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
  await protectedProxy(node, "mcp.test", { auth_excluded_paths: ["/public", "/docs/"] })
  await protectedProxy(node, "all.test", { auth_excluded_paths: ["/"] })
  const resource = await protectedProxy(node, "open.test", { auth_mode: "passthrough" })
  await protectedProxy(node, "bobs.test", { auth_mode: "passthrough", auth_required_users: ["bob"] })
  token = (await tokensFor(node, await registerClient(node), alice, { resource })).access_token
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const ask = (headers: Record<string, string>) => send(node, "/verify", { headers })
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
