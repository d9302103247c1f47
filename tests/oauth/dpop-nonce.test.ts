import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type ProofKey, proofKey } from "../support/dpop.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, type Tokens, codeFor, redemption, refreshing, registerClient, tokenRequest } from "./flow.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { OAuthError } from "../../src/oauth/oauth-error.ts"
import { tallyRequest } from "../../src/oauth/tally.ts"
import { counted } from "../../src/projections/oauth-counted.ts"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let client: TestClient
let key: ProofKey
const env = { OAUTH_DPOP_NONCE_REQUIRED: "true" }

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url, env })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
  key = await proofKey()
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

afterEach(() => {
  node.clock.offset = 0
})

const withProof = async (payload: object = {}) => ({
  dpop: await key.proof({ method: "POST", url: `${node.issuer}/token`, now: Date.now() + node.clock.offset }, payload),
})
const nonceOf = ({ headers }: { headers: Record<string, unknown> }) => headers["dpop-nonce"] as string

/** What a client has to do: ask, be told the nonce, ask again. */
async function challenged(form: object, of = node): Promise<string> {
  const answer = await tokenRequest(of, form as Record<string, string>, await withProof())
  expect([answer.status, answer.json()["error"]]).toEqual([400, "use_dpop_nonce"])
  expect(answer.headers["cache-control"]).toBe("no-store")
  expect(answer.headers["access-control-expose-headers"]).toContain("DPoP-Nonce")
  return nonceOf(answer)
}

async function redeemed(): Promise<{ tokens: Tokens; nonce: string }> {
  const { code, verifier } = await codeFor(node, client, alice, { resource })
  const form = redemption(client, code, verifier)
  const answer = await tokenRequest(node, form, await withProof({ nonce: await challenged(form) }))
  expect(answer.status, answer.text).toBe(200)
  return { tokens: answer.json<Tokens>(), nonce: nonceOf(answer) }
}

describe("a token endpoint that requires nonces", () => {
  it("tells the nonce, leaves the code as it was, and gives the next nonce with the tokens", async () => {
    const { tokens, nonce } = await redeemed()
    expect(tokens.token_type).toBe("DPoP")
    const next = await tokenRequest(node, refreshing(client, tokens.refresh_token), await withProof({ nonce }))
    expect(next.status).toBe(200)
    expect(nonceOf(next)).toMatch(/^[A-Za-z0-9_-]{22}$/)
  })

  it("takes the nonce of any node, and each proof once on all of them", async () => {
    const peer = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false, env })
    try {
      const { tokens, nonce } = await redeemed()
      const headers = await withProof({ nonce })
      const there = await tokenRequest(peer, refreshing(client, tokens.refresh_token), headers)
      expect(there.status).toBe(200)
      const { refresh_token } = there.json<Tokens>()
      const again = await tokenRequest(node, refreshing(client, refresh_token), headers)
      expect([again.status, again.json()["error"]]).toEqual([400, "invalid_dpop_proof"])
      expect(nonceOf(again), "any answer to a proof tells the next one").toMatch(/^[A-Za-z0-9_-]{22}$/)
    } finally {
      await peer.stop()
    }
  })

  it("takes none that is old, made up, of another type, or given twice over", async () => {
    const { tokens, nonce } = await redeemed()
    const form = refreshing(client, tokens.refresh_token)
    node.clock.offset = 180_000
    for (const payload of [{ nonce }, { nonce: "x".repeat(22) }, { nonce: 7 }, { nonce: [nonce] }, { nonce: "" }, {}]) {
      const answer = await tokenRequest(node, form, await withProof(payload))
      expect([answer.status, answer.json()["error"]], JSON.stringify(payload)).toEqual([400, "use_dpop_nonce"])
    }
    const good = await tokenRequest(node, form, await withProof({ nonce: await challenged(form) }))
    expect(good.status).toBe(200)
  })

  it("does not take a proof for the nonce alone: time, key and URL count as before", async () => {
    const { tokens, nonce } = await redeemed()
    const form = refreshing(client, tokens.refresh_token)
    for (const payload of [
      { nonce, iat: Math.floor(Date.now() / 1000) - 400 },
      { nonce, htu: resource },
    ]) {
      const answer = await tokenRequest(node, form, await withProof(payload))
      expect([answer.status, answer.json()["error"]]).toEqual([400, "invalid_dpop_proof"])
    }
  })

  it("asks nothing of clients without proofs", async () => {
    const { code, verifier } = await codeFor(node, client, alice, { resource })
    const answer = await tokenRequest(node, redemption(client, code, verifier))
    expect([answer.status, answer.json<Tokens>().token_type, nonceOf(answer)]).toEqual([200, "Bearer", undefined])
  })

  it("gives a device its nonce before its code is used", async () => {
    const grant = "urn:ietf:params:oauth:grant-type:device_code"
    const device = await registerClient(node, { grant_types: [grant] })
    const asked = await send(node, "/device_authorization", { form: { client_id: device.client_id, resource } })
    const form = {
      grant_type: grant,
      client_id: device.client_id,
      device_code: asked.json<{ device_code: string }>().device_code,
    }
    const nonce = await challenged(form)
    const waiting = await tokenRequest(node, form, await withProof({ nonce }))
    expect([waiting.status, waiting.json()["error"]]).toEqual([400, "authorization_pending"])
  })

  it("counts the challenge as no failure", () => {
    const tallied: string[] = []
    const counters = { add: (names: object) => void tallied.push(...Object.keys(names)), addTo: () => undefined }
    tallyRequest({ counters }, "/token", new OAuthError("use_dpop_nonce", "a nonce is needed"))
    expect(tallied).toEqual([counted.tokenRequest])
  })
})

describe("a token endpoint that does not", () => {
  it("tells none, and ignores what a proof carries", async () => {
    const usual = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false })
    try {
      const { code, verifier } = await codeFor(node, client, alice, { resource })
      const answer = await tokenRequest(usual, redemption(client, code, verifier), await withProof({ nonce: "x" }))
      expect([answer.status, nonceOf(answer)]).toEqual([200, undefined])
    } finally {
      await usual.stop()
    }
  })
})
