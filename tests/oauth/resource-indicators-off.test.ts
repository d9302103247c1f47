import { type OAuthNode, apiToken, oauthNode, protectedProxy } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { decodeJwt } from "jose"

let redis: RedisServer
let node: OAuthNode
let alice: string
let client: TestClient
let resource: string
const unknown = "https://unknown.example/mcp"

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url, env: { MCP_RESOURCE_INDICATORS_ENABLED: "false" } })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const audience = ({ access_token }: Tokens) => decodeJwt(access_token).aud
const errorOf = async (form: Record<string, string | readonly string[]>) => {
  const answer = await tokenRequest(node, form)
  return [answer.status, answer.json()["error"]]
}

describe("with MCP_RESOURCE_INDICATORS_ENABLED=false", () => {
  it("a client that names an unknown resource everywhere gets tokens for the one that there is", async () => {
    const { code, verifier } = await codeFor(node, client, alice, { resource: unknown })
    const first = await tokenRequest(node, { ...redemption(client, code, verifier), resource: unknown })
    expect(first.status, first.text).toBe(200)
    expect(audience(first.json())).toEqual([resource])
    const { refresh_token } = first.json<Tokens>()
    const next = await tokenRequest(node, { ...refreshing(client, refresh_token), resource: [unknown, resource] })
    expect(next.status, next.text).toBe(200)
    expect(audience(next.json())).toEqual([resource])
  })

  it("a known resource that was not authorized is refused all the same, and what is no URI too", async () => {
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const second = await protectedProxy(node, "second.test")
    const form = redemption(client, code, verifier)
    expect(await errorOf({ ...form, resource: second })).toEqual([400, "invalid_target"])
    expect(await errorOf({ ...form, resource: "no-uri" })).toEqual([400, "invalid_target"])
    const tokens = (await tokenRequest(node, { ...form, resource })).json<Tokens>()
    const refresh = refreshing(client, tokens.refresh_token)
    expect(await errorOf({ ...refresh, resource: second })).toEqual([400, "invalid_target"])
    expect((await tokenRequest(node, refresh)).status, "not used up").toBe(200)
  })
})
