import { rotateSigningKey } from "./key-rotation.ts"
import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { type TestClient, registerClient, tokensFor } from "./flow.ts"
import { decodeProtectedHeader } from "jose"
import { oauthIndex } from "../../src/platform/oauth-index.ts"
import { oauthSweep } from "../../src/effects/oauth-hygiene.ts"
import { caughtUp } from "./caught-up.ts"

let redis: RedisServer
let first: OAuthNode
let second: OAuthNode
let alice: string
let resource: string
let client: TestClient

beforeAll(async () => {
  redis = await redisServer()
  first = await oauthNode({ redisUrl: redis.url })
  await first.ensureSigningKey()
  second = await oauthNode({ redisUrl: redis.url, masterKey: first.config.MASTER_KEY, decides: false })
  alice = await apiToken(first, "alice")
  resource = await protectedProxy(first, "mcp.test")
  client = await registerClient(first)
  await caughtUp(second, first)
})

afterEach(() => at(undefined))

afterAll(async () => {
  await second?.stop()
  await first?.stop()
  await redis?.stop()
})

const both = () => [first, second]
/** Lets the clocks of both nodes stand at a moment, or go. */
const at = (moment: number | undefined) => both().forEach((node) => (node.clock.at = moment))
const published = async (node: OAuthNode) =>
  (await send(node, "/jwks")).json<{ keys: { kid: string }[] }>().keys.map(({ kid }) => kid)
const signedBy = async (node: OAuthNode) => {
  const { access_token } = await tokensFor(node, client, alice, { resource })
  return { access_token, kid: decodeProtectedHeader(access_token).kid! }
}
const verified = async (node: OAuthNode, token: string) =>
  (await send(node, "/verify", { headers: { authorization: `Bearer ${token}` } })).status

describe("a new signing key", () => {
  it("is published on every node at once, signs on every node ten minutes later, and the old one stays for its tokens", async () => {
    const now = Date.now()
    at(now)
    const old = await signedBy(second)
    const { kid, activates_at } = await rotateSigningKey(second)
    const active = Date.parse(activates_at)
    expect(active - now).toBe(600_000)
    for (const node of both()) {
      await expect.poll(() => published(node)).toEqual(expect.arrayContaining([kid, old.kid]))
      expect((await signedBy(node)).kid, "every copy of the key set may be that old").toBe(old.kid)
    }
    at(active - 2000)
    for (const node of both()) expect((await signedBy(node)).kid).toBe(old.kid)
    const last = await signedBy(first)
    at(active + 1000)
    for (const node of both()) {
      const fresh = await signedBy(node)
      expect(fresh.kid).toBe(kid)
      for (const other of both()) expect(await verified(other, fresh.access_token)).toBe(200)
      expect(await verified(node, last.access_token)).toBe(200)
    }
    const sweep = oauthSweep({
      ...first,
      log: { info: () => {}, warning: () => {} } as never,
      now: first.now,
      index: oauthIndex(first.redis),
    })
    const life = first.config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000
    at(active + life - 5000)
    expect((await sweep(new AbortController().signal)).keys).toBe(0)
    for (const node of both()) expect(await verified(node, last.access_token), "good to its end").toBe(200)
    at(active + life + 901_000)
    expect((await sweep(new AbortController().signal)).keys).toBe(1)
    for (const node of both()) await expect.poll(() => published(node)).toEqual([kid])
  })

  it("is one, although many ask for it at once on two nodes", async () => {
    at(Date.now() + 86_400_000)
    const before = await published(first)
    const asked = await Promise.allSettled(
      [1, 2, 3, 4, 5, 6].map((n) => rotateSigningKey(n % 2 === 0 ? first : second)),
    )
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    for (const outcome of asked)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "invalid_state" })
    for (const node of both()) await expect.poll(() => published(node)).toHaveLength(before.length + 1)
  })
})
