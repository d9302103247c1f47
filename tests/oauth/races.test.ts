import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import {
  type TestClient,
  type Tokens,
  codeFor,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  tokensFor,
} from "./flow.ts"
import { person } from "./person.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { caughtUp } from "./caught-up.ts"

let redis: RedisServer
let node: OAuthNode
let other: OAuthNode
let alice: string
let resource: string
let client: TestClient

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  other = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false })
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
  await caughtUp(other, node)
})

afterAll(async () => {
  await other?.stop()
  await node?.stop()
  await redis?.stop()
})

const many = 50

/** Sends the same form 50 times at once, to both nodes in turn. */
const storm = (form: Record<string, string>) =>
  Promise.all(Array.from({ length: many }, (_, index) => tokenRequest(index % 2 === 0 ? node : other, form)))

/** How often each outcome came: status and error. */
function outcomes(answers: readonly Awaited<ReturnType<typeof tokenRequest>>[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const answer of answers) {
    const { error } = answer.json<{ error?: string }>()
    const outcome = error === undefined ? String(answer.status) : `${answer.status} ${error}`
    found[outcome] = (found[outcome] ?? 0) + 1
  }
  return found
}

/** Events of a type, of the grant that an access token belongs to. */
async function events(type: string, accessToken: string): Promise<number> {
  const { sid } = JSON.parse(Buffer.from(accessToken.split(".")[1]!, "base64url").toString()) as { sid: string }
  const records = await node.store.read(0, 10_000)
  return records.filter((record) => record.type === type && record.id === sid).length
}

const isActive = async (at: OAuthNode, token: string) => {
  const answer = await send(at, "/verify", { headers: { authorization: `Bearer ${token}` } })
  return answer.status === 200
}

describe("50 redemptions of one code across two nodes", () => {
  it("give tokens once, refuse 49, and end the grant that was issued, once, everywhere", async () => {
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const answers = await storm(redemption(client, code, verifier))
    expect(outcomes(answers)).toEqual({ "200": 1, "400 invalid_grant": many - 1 })
    const { access_token, refresh_token } = answers.find(({ status }) => status === 200)!.json<Tokens>()
    for (const at of [node, other]) {
      await expect.poll(() => isActive(at, access_token)).toBe(false)
      expect((await tokenRequest(at, refreshing(client, refresh_token))).json()["error"]).toBe("invalid_grant")
    }
    expect(await events("GrantIssued", access_token)).toBe(1)
    expect(await events("GrantRevoked", access_token)).toBe(1)
  })

  it("with 49 wrong verifiers among them, give tokens to the one that is right and end nothing", async () => {
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const right = redemption(client, code, verifier)
    const wrong = redemption(client, code, verifier.split("").toReversed().join(""))
    const wrongOnes = Array.from({ length: many - 1 }, (_, index) =>
      tokenRequest(index % 2 === 0 ? node : other, wrong),
    )
    const [good, ...bad] = await Promise.all([tokenRequest(other, right), ...wrongOnes])
    expect(outcomes([good])).toEqual({ "200": 1 })
    expect(outcomes(bad)).toEqual({ "400 invalid_grant": many - 1 })
  })
})

describe("50 refreshes with one token across two nodes", () => {
  it("give one and the same successor, which is good", async () => {
    const first = await tokensFor(node, client, alice, { resource })
    const answers = await storm(refreshing(client, first.refresh_token))
    expect(outcomes(answers)).toEqual({ "200": many })
    const successors = new Set(answers.map((answer) => answer.json<Tokens>().refresh_token))
    expect(successors.size).toBe(1)
    expect(new Set(answers.map((answer) => answer.json<Tokens>().access_token)).size).toBe(many)
    const [successor] = successors
    expect((await tokenRequest(other, refreshing(client, successor!))).status).toBe(200)
    expect(await events("GrantRevoked", first.access_token)).toBe(0)
  })

  it("after its successor was used are all refused, and end the family once", async () => {
    const first = await tokensFor(node, client, alice, { resource })
    const second = (await tokenRequest(other, refreshing(client, first.refresh_token))).json<Tokens>()
    const third = (await tokenRequest(node, refreshing(client, second.refresh_token))).json<Tokens>()
    expect(outcomes(await storm(refreshing(client, first.refresh_token)))).toEqual({ "400 invalid_grant": many })
    expect((await tokenRequest(other, refreshing(client, third.refresh_token))).json()["error"]).toBe("invalid_grant")
    for (const at of [node, other]) await expect.poll(() => isActive(at, third.access_token)).toBe(false)
    expect(await events("GrantRevoked", third.access_token)).toBe(1)
  })

  it("while it is revoked give tokens that are refused afterwards", async () => {
    const first = await tokensFor(node, client, alice, { resource })
    const revocation = { form: { client_id: client.client_id, token: first.refresh_token } }
    const [answers, revoked] = await Promise.all([
      storm(refreshing(client, first.refresh_token)),
      send(other, "/revoke", revocation),
    ])
    expect(revoked.status).toBe(200)
    for (const answer of answers) {
      const { error, access_token } = answer.json<Partial<Tokens> & { error?: string }>()
      if (answer.status === 200) await expect.poll(() => isActive(node, access_token!)).toBe(false)
      else expect([answer.status, error]).toEqual([400, "invalid_grant"])
    }
    expect((await tokenRequest(node, refreshing(client, first.refresh_token))).json()["error"]).toBe("invalid_grant")
  })
})

describe("50 polls with one device code across two nodes", () => {
  it("give tokens once when the person has allowed", async () => {
    const grant = "urn:ietf:params:oauth:grant-type:device_code"
    const device = await registerClient(node, { grant_types: [grant], redirect_uris: [] })
    await caughtUp(other, node)
    const form = { client_id: device.client_id, resource }
    const asked = (await send(other, "/device_authorization", { form })).json<Record<string, string>>()
    const who = person(node)
    const headers = { origin: node.issuer }
    const consent = await who.visit("/device", { form: { user_code: asked["user_code"]! }, headers })
    const decided = await who.submit(consent, { decision: "allow" })
    await who.submit(await who.visit(decided.location!.pathname + decided.location!.search), { token: alice })
    const poll = { grant_type: grant, client_id: device.client_id, device_code: asked["device_code"]! }
    const found = outcomes(await storm(poll))
    expect(found["200"]).toBe(1)
    expect(Object.keys(found).toSorted()).toEqual(["200", "400 invalid_grant"])
  })
})
