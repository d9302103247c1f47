import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, authorizePath, registerClient, verifier } from "./flow.ts"
import { afterAll, beforeAll, expect } from "vitest"

export let redis: RedisServer
export let node: OAuthNode
export let alice: string
export let resource: string
export let client: TestClient

/** Error that an authorization request is redirected with. */
export async function errorOf(
  overrides: Record<string, string | readonly string[] | undefined>,
): Promise<string | null | undefined> {
  const answer = await send(node, authorizePath(client, verifier(), { resource, ...overrides }))
  expect(answer.status, answer.text).toBe(303)
  expect(answer.location!.origin).toBe("https://client.example")
  expect(answer.location!.searchParams.get("iss")).toBe(node.issuer)
  expect(answer.location!.searchParams.get("code")).toBeNull()
  return answer.location!.searchParams.get("error")
}

/** Starts an authorization server with a person, two resources and a client before the tests of a file, and stops it after. */
export function authorizeNode(): void {
  beforeAll(async () => {
    redis = await redisServer()
    node = await oauthNode({ redisUrl: redis.url })
    await node.ensureSigningKey()
    alice = await apiToken(node, "alice")
    resource = await protectedProxy(node, "mcp.test")
    await protectedProxy(node, "other.test", { auth_required_users: ["somebody-else"] })
    client = await registerClient(node)
  })
  afterAll(async () => {
    await node?.stop()
    await redis?.stop()
  })
}
