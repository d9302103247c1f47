import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type OAuthNode, apiToken, oauthNode, protectedProxy } from "./oauth-node.ts"
import {
  approve,
  authorizePath,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  tokensFor,
  verifier,
} from "./flow.ts"
import { person } from "./person.ts"

let redis: RedisServer
let node: OAuthNode
beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
})
afterAll(async () => {
  await node.stop()
  await redis.stop()
})

const entries = async (stream: string) => Number(/:(\d+)/.exec(await redis.command(`XLEN {gh}:${stream}`))?.[1])

test("a storm of logins, refreshes and tokens leaves the log as it was", async () => {
  const token = await apiToken(node, "storm")
  await protectedProxy(node, "storm.test")
  const client = await registerClient(node)
  const { refresh_token } = await tokensFor(node, client, token)
  const before = [await entries("events"), await entries("commands")]
  let refresh = refresh_token
  for (let round = 0; round < 25; round += 1) {
    const path = authorizePath(client, verifier())
    const begun = await person(node).visit(path)
    expect(begun.status).toBe(200)
    const failed = await approve(node, path, "no such token")
    expect(failed.location?.searchParams.get("code") ?? null).toBeNull()
    expect((await tokenRequest(node, redemption(client, "no-code", verifier()))).status).toBe(400)
    const renewed = await tokenRequest(node, refreshing(client, refresh))
    expect(renewed.status).toBe(200)
    refresh = renewed.json<{ refresh_token: string }>().refresh_token
  }
  expect([await entries("events"), await entries("commands")]).toEqual(before)
})
