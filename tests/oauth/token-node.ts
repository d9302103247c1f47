import { type OAuthNode, apiToken, oauthNode, protectedProxy } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, registerClient, tokenRequest } from "./flow.ts"
import { afterAll, afterEach, beforeAll, expect } from "vitest"

let redis: RedisServer
export let node: OAuthNode
export let alice: string
export let resource: string
export let second: string
export let client: TestClient

export const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { aud: string[]; scope: string; sid: string }

export const error = async (form: Record<string, string | readonly string[]>, headers: Record<string, string> = {}) => {
  const answer = await tokenRequest(node, form, headers)
  expect(answer.headers["cache-control"]).toBe("no-store")
  expect(answer.headers["access-control-allow-origin"]).toBe("*")
  return [answer.status, answer.json()["error"]]
}

export const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
})

/** Starts an authorization server with a person, two resources and a client before the tests of a file, and stops it after. */
export function tokenNode(): void {
  beforeAll(async () => {
    redis = await redisServer()
    node = await oauthNode({ redisUrl: redis.url })
    await node.ensureSigningKey()
    alice = await apiToken(node, "alice")
    resource = await protectedProxy(node, "mcp.test")
    second = await protectedProxy(node, "second.test", {}, { mcp_scopes: ["mcp:read"] })
    client = await registerClient(node)
  })
  afterEach(() => {
    node.clock.offset = 0
    node.clock.at = undefined
  })
  afterAll(async () => {
    await node?.stop()
    await redis?.stop()
  })
}
