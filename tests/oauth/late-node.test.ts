import { type Answer, type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Relay, relay } from "../support/relay.ts"
import { type TestClient, type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest } from "./flow.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { deviceGrant } from "../../src/events/oauth-client.ts"
import { person } from "./person.ts"
import { eventually } from "../support/records.ts"
import { until } from "../support/until.ts"
import { caughtUp } from "./caught-up.ts"

let redis: RedisServer
let way: Relay
let node: OAuthNode
/** Sees the log by a way that can be held up, and everything else as it is. */
let late: OAuthNode
let alice: string
let resource: string
let client: TestClient

beforeAll(async () => {
  redis = await redisServer()
  way = await relay(redis.port)
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node, { grant_types: ["authorization_code", "refresh_token", deviceGrant] })
  const logUrl = redis.url.replace(`:${redis.port}`, `:${way.port}`)
  late = await oauthNode({ redisUrl: redis.url, logUrl, masterKey: node.config.MASTER_KEY, decides: false })
  // It has the signing key from now on.
  const { code, verifier } = await codeFor(node, client, alice, { resource })
  await tokenRequest(late, redemption(client, code, verifier))
})

afterEach(() => way.thaw())

afterAll(async () => {
  way?.thaw()
  await late?.stop()
  await node?.stop()
  await way?.stop()
  await redis?.stop()
})

/** Asks the late node for tokens of a grant that it has not seen, and lets it see the grant when two later requests have gone all their way. */
async function whileLate(form: Record<string, string>): Promise<Answer> {
  let answered = false
  const asked = tokenRequest(late, form).finally(() => (answered = true))
  const unknown = redemption(client, "some.code", "v".repeat(43))
  for (const _ of [1, 2]) expect((await tokenRequest(late, unknown)).json()["error"]).toBe("invalid_grant")
  expect(answered, "before the grant is known").toBe(false)
  way.thaw()
  return asked
}

describe("a node that has not folded a grant yet", () => {
  it("waits for it before it redeems a code", async () => {
    way.freeze()
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    expect((await whileLate(redemption(client, code, verifier))).status).toBe(200)
  })

  it("waits for it before it takes a refresh token", async () => {
    way.freeze()
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const { refresh_token } = (await tokenRequest(node, redemption(client, code, verifier))).json<{
      refresh_token: string
    }>()
    expect((await whileLate(refreshing(client, refresh_token))).status).toBe(200)
  })

  it("waits for it before it answers a device", async () => {
    way.freeze()
    const form = { client_id: client.client_id, resource }
    const asked = (await send(node, "/device_authorization", { form })).json<
      Record<"device_code" | "user_code", string>
    >()
    const who = person(node)
    const consent = await who.submit(await who.visit("/device"), { user_code: asked.user_code })
    const allowed = await who.submit(consent, { decision: "allow" })
    await who.submit(await who.visit(allowed.location!.pathname + allowed.location!.search), { token: alice })
    const poll = { grant_type: deviceGrant, client_id: client.client_id, device_code: asked.device_code }
    expect((await whileLate(poll)).status).toBe(200)
  })

  it("says that it is behind when the grant does not come, and leaves the code as it is", async () => {
    way.freeze()
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const answer = await tokenRequest(late, redemption(client, code, verifier))
    expect([answer.status, answer.json()["error"], answer.headers["retry-after"]]).toEqual([
      503,
      "temporarily_unavailable",
      "1",
    ])
    way.thaw()
    await caughtUp(late, node)
    expect((await tokenRequest(late, redemption(client, code, verifier))).status).toBe(200)
  })

  it("waits for it before it takes back a token of it, which would else stay good", async () => {
    for (const name of ["refresh_token", "access_token"] as const) {
      way.freeze()
      const { code, verifier } = await codeFor(node, client, alice, { resource })
      const tokens = (await tokenRequest(node, redemption(client, code, verifier))).json<Tokens>()
      const works = async () =>
        (await send(node, "/verify", { headers: { authorization: `Bearer ${tokens.access_token}` } })).status
      expect(await works()).toBe(200)
      const form = { client_id: client.client_id, token: tokens[name] }
      const revoked = send(late, "/revoke", { form })
      await send(late, "/revoke", { form: { ...form, token: "nothing" } })
      way.thaw()
      expect((await revoked).status).toBe(200)
      await until(() => node.world.position >= late.world.position)
      expect(await works(), name).toBe(401)
    }
  })
})

describe("a node that has no signing key yet", () => {
  it("uses nothing up while it cannot get it", async () => {
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    await caughtUp(late, node)
    const logUrl = redis.url.replace(`:${redis.port}`, `:${way.port}`)
    const keyless = await oauthNode({ redisUrl: redis.url, logUrl, masterKey: node.config.MASTER_KEY, decides: false })
    try {
      way.freeze()
      expect((await tokenRequest(keyless, redemption(client, code, verifier))).status).toBe(503)
      const first = (await tokenRequest(late, redemption(client, code, verifier))).json<Tokens>()
      expect((await tokenRequest(keyless, refreshing(client, first.refresh_token))).status).toBe(503)
      const family = await node.ttl.peek("refresh", first.refresh_token.split(".")[0]!)
      expect(family).toMatchObject({ generation: 1 })
      const next = (await tokenRequest(late, refreshing(client, first.refresh_token))).json<Tokens>()
      expect(next.refresh_token).toMatch(/^[0-9a-f-]{36}\.2\./)
      way.thaw()
      // Its connection was cut for its silence, and comes back by itself.
      await caughtUp(keyless, node)
      await eventually(() => keyless.store.head().catch(() => undefined))
      const last = (await tokenRequest(keyless, refreshing(client, next.refresh_token))).json<Tokens>()
      expect(last.refresh_token).toMatch(/^[0-9a-f-]{36}\.3\./)
    } finally {
      way.thaw()
      await keyless.stop()
    }
  })
})
