import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { person } from "./person.ts"
import { type ProofKey, proofKey } from "../support/dpop.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { decodeJwt } from "jose"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let client: TestClient
let key: ProofKey
let other: ProofKey

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
  ;[key, other] = [await proofKey(), await proofKey("EdDSA")]
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const proof = (by = key, payload: object = {}) => by.proof({ method: "POST", url: `${node.issuer}/token` }, payload)
const withProof = async (by = key, payload: object = {}) => ({ dpop: await proof(by, payload) })
const errorOf = async (answer: ReturnType<typeof tokenRequest>) => {
  const { status, json } = await answer
  return [status, json()["error"]]
}

async function redeem(headers: Record<string, string | string[]>, overrides = {}, of = client) {
  const { code, verifier } = await codeFor(node, of, alice, { resource, ...overrides })
  return tokenRequest(node, redemption(of, code, verifier), headers)
}

describe("a token request with a proof of possession", () => {
  it("gets tokens that are bound to the key", async () => {
    const answer = await redeem(await withProof())
    expect(answer.status, answer.text).toBe(200)
    const tokens = answer.json<Tokens>()
    expect(tokens.token_type).toBe("DPoP")
    expect(decodeJwt(tokens.access_token)["cnf"]).toEqual({ jkt: key.jkt })
    const introspected = await send(node, "/verify", {
      headers: { authorization: `Bearer ${tokens.access_token}`, "x-forwarded-host": "mcp.test" },
    })
    expect(introspected.status).toBe(401)
  })

  it("of a public client binds its refresh tokens too, through every rotation", async () => {
    let { refresh_token } = (await redeem(await withProof())).json<Tokens>()
    const refresh = (headers: object) => tokenRequest(node, refreshing(client, refresh_token), headers)
    for (let round = 0; round < 2; round++) {
      expect(await errorOf(refresh({}))).toEqual([400, "invalid_grant"])
      expect(await errorOf(refresh(await withProof(other)))).toEqual([400, "invalid_grant"])
      const answer = await refresh(await withProof())
      expect(answer.status).toBe(200)
      const tokens = answer.json<Tokens>()
      expect(tokens.token_type).toBe("DPoP")
      ;({ refresh_token } = tokens)
    }
  })

  it("of a confidential client binds the access token alone", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_post" })
    const secret = { client_secret: confidential.client_secret! }
    const { code, verifier } = await codeFor(node, confidential, alice, { resource })
    const tokens = (
      await tokenRequest(node, { ...redemption(confidential, code, verifier), ...secret }, await withProof())
    ).json<Tokens>()
    const renewed = await tokenRequest(node, { ...refreshing(confidential, tokens.refresh_token), ...secret })
    expect(renewed.json<Tokens>().token_type).toBe("Bearer")
  })

  it("uses each proof once, on every node", async () => {
    const headers = await withProof()
    const peer = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false })
    try {
      expect((await redeem(headers)).status).toBe(200)
      const { code, verifier } = await codeFor(node, client, alice, { resource })
      expect(await errorOf(tokenRequest(peer, redemption(client, code, verifier), headers))).toEqual([
        400,
        "invalid_dpop_proof",
      ])
      expect((await tokenRequest(peer, redemption(client, code, verifier), await withProof())).status).toBe(200)
    } finally {
      await peer.stop()
    }
  })

  it.each([
    ["for another URL", { htu: "https://auth.localhost:8443/authorize" }],
    ["for another method", { htm: "GET" }],
    ["that is old", { iat: Math.floor(Date.now() / 1000) - 400 }],
    ["without an id", { jti: undefined }],
  ])("is refused with a proof %s, and its code stays good", async (_what, payload) => {
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const form = redemption(client, code, verifier)
    expect(await errorOf(tokenRequest(node, form, await withProof(key, payload)))).toEqual([400, "invalid_dpop_proof"])
    expect((await tokenRequest(node, form, await withProof())).status).toBe(200)
  })

  it("is good once for as long as its time can be: ahead of ours, and behind", async () => {
    const known = new Set(await node.redis.keys("{gho}:dpop:*"))
    expect((await redeem(await withProof(key, { iat: Math.floor(Date.now() / 1000) + 290 }))).status).toBe(200)
    const [made, ...others] = (await node.redis.keys("{gho}:dpop:*")).filter((name) => !known.has(name))
    expect(others).toEqual([])
    expect(await node.redis.pttl(made!)).toBeGreaterThan(590_000)
  })

  it("is refused with two proofs, or with nonsense", async () => {
    expect(await errorOf(redeem({ dpop: [await proof(), await proof()] }))).toEqual([400, "invalid_dpop_proof"])
    expect(await errorOf(redeem({ dpop: "nonsense" }))).toEqual([400, "invalid_dpop_proof"])
  })

  it("must be by the key that the authorization request promised", async () => {
    expect(await errorOf(redeem(await withProof(other), { dpop_jkt: key.jkt }))).toEqual([400, "invalid_grant"])
    expect(await errorOf(redeem({}, { dpop_jkt: key.jkt }))).toEqual([400, "invalid_grant"])
    expect((await redeem(await withProof(), { dpop_jkt: key.jkt })).status).toBe(200)
  })

  it("is a must for a client that registered so", async () => {
    const strict = await registerClient(node, { dpop_bound_access_tokens: true })
    expect(await errorOf(redeem({}, {}, strict))).toEqual([400, "invalid_dpop_proof"])
    expect((await redeem(await withProof(), {}, strict)).status).toBe(200)
  })

  it("shows in introspection", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_post" })
    const secret = { client_id: confidential.client_id, client_secret: confidential.client_secret! }
    const { code, verifier } = await codeFor(node, confidential, alice, { resource })
    const tokens = (
      await tokenRequest(node, { ...redemption(confidential, code, verifier), ...secret }, await withProof())
    ).json<Tokens>()
    const answer = await send(node, "/introspect", { form: { ...secret, token: tokens.access_token } })
    expect(answer.json()).toMatchObject({ active: true, token_type: "DPoP", cnf: { jkt: key.jkt } })
    const bearer = { authorization: `Bearer ${tokens.access_token}` }
    for (const headers of [bearer, { ...bearer, "x-original-url": resource }]) {
      const verified = await send(node, "/verify", { headers })
      expect(verified.status, "a bound token is no bearer token").toBe(401)
      expect(verified.headers["www-authenticate"]).toContain('error="invalid_token"')
    }
  })

  it("gives a device its bound tokens", async () => {
    const grant = "urn:ietf:params:oauth:grant-type:device_code"
    const device = await registerClient(node, { grant_types: [grant, "refresh_token"] })
    const asked = (
      await send(node, "/device_authorization", { form: { client_id: device.client_id, resource } })
    ).json<{ device_code: string; user_code: string }>()
    const who = person(node)
    const consent = await who.visit("/device", {
      form: { user_code: asked.user_code },
      headers: { origin: node.issuer },
    })
    const login = await who.submit(consent, { decision: "allow" })
    await who.submit(await who.visit(login.location!.pathname + login.location!.search), { token: alice })
    const form = { grant_type: grant, client_id: device.client_id, device_code: asked.device_code }
    const tokens = (await tokenRequest(node, form, await withProof())).json<Tokens>()
    expect(tokens.token_type).toBe("DPoP")
    expect(await errorOf(tokenRequest(node, refreshing(device, tokens.refresh_token)))).toEqual([400, "invalid_grant"])
    expect((await tokenRequest(node, refreshing(device, tokens.refresh_token), await withProof())).status).toBe(200)
  })
})
