import { type Person, person } from "./person.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type OAuthNode, apiToken, oauthNode, protectedProxy } from "./oauth-node.ts"
import { approve, authorizePath, registerClient, verifier } from "./flow.ts"

const hour = 3_600_000
let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

/** How long the one session is still kept when nobody uses it, milliseconds. */
async function kept(): Promise<number> {
  const keys = await node.redis.keys("{gho}:session:*")
  expect(keys).toHaveLength(1)
  return node.redis.pttl(keys[0]!)
}

async function signedIn(): Promise<Person> {
  const who = person(node)
  await approve(node, authorizePath(await registerClient(node), verifier(), { resource }), alice, who)
  return who
}

describe("a browser's session", () => {
  beforeEach(async () => {
    node.clock.offset = 0
    for (const key of await node.redis.keys("{gho}:session:*")) await node.redis.del(key)
  })

  it("is kept for eight hours after each use", async () => {
    const who = await signedIn()
    expect(await kept()).toBeLessThanOrEqual(8 * hour)
    expect(await kept()).toBeGreaterThan(8 * hour - 60_000)
    const [key] = await node.redis.keys("{gho}:session:*")
    await node.redis.pexpire(key!, hour)
    node.clock.offset = 7 * hour
    expect((await who.visit("/account")).status).toBe(200)
    expect(await kept()).toBeGreaterThan(7 * hour)
    await node.redis.del(key!)
    expect((await who.visit("/account")).location?.pathname).toBe("/login")
  })

  it("is not kept beyond its seventh day, whoever uses it", async () => {
    const who = await signedIn()
    node.clock.offset = 7 * 24 * hour - hour
    expect((await who.visit("/account")).status).toBe(200)
    expect(await kept()).toBeLessThanOrEqual(hour)
  })
})
