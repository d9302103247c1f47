import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type ProofKey, proofKey } from "../support/dpop.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { codeFor, redemption, registerClient, tokenRequest, tokensFor } from "./flow.ts"
import { sharedProofs } from "../../src/gateway-guard.ts"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let key: ProofKey
let token: string
let bearer: string
const env = { TRUSTED_PROXIES: "127.0.0.1" }

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url, env })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test", {}, { mcp_allowed_origins: ["https://app.example"] })
  await protectedProxy(node, "strict.test", { auth_require_dpop: true })
  key = await proofKey()
  token = await boundToken(resource)
  bearer = (await tokensFor(node, await registerClient(node), alice, { resource })).access_token
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

async function boundToken(of: string): Promise<string> {
  const client = await registerClient(node)
  const { code, verifier } = await codeFor(node, client, alice, { resource: of })
  const dpop = await key.proof({ method: "POST", url: `${node.issuer}/token` })
  const answer = await tokenRequest(node, redemption(client, code, verifier), { dpop })
  return answer.json<{ access_token: string }>().access_token
}

const original = { "x-forwarded-host": "mcp.test", "x-forwarded-uri": "/mcp?a=b", "x-forwarded-method": "POST" }
const proofOf = (payload: object = {}, by = key) => by.proof({ method: "POST", url: resource, token }, payload)
const ask = (headers: Record<string, string | string[]>, of = node) => send(of, "/verify", { headers })
const prove = (dpop: string | string[], more: object = {}, of = node) =>
  ask({ authorization: `DPoP ${token}`, dpop, ...original, ...more }, of)
const said = async (answer: ReturnType<typeof ask>) => {
  const { status, headers } = await answer
  return [status, /error="([^"]+)"/.exec(headers["www-authenticate"] ?? "")?.[1]]
}

describe("forward authentication with a token that is bound to a key", () => {
  it("takes a proof for the original request, once, here and at the gateway", async () => {
    const proof = await proofOf({ jti: "first" })
    const answer = await prove(proof)
    expect([answer.status, answer.json()["sub"]]).toEqual([200, "local-alice"])
    expect(await said(prove(proof))).toEqual([401, "invalid_dpop_proof"])
    const gateway = sharedProofs(node.config, node.ttl, node.log)
    expect([await gateway(`${key.jkt}\nfirst`), await gateway(`${key.jkt}\nsecond`)]).toEqual([false, true])
    expect(await said(prove(await proofOf({ jti: "second" })))).toEqual([401, "invalid_dpop_proof"])
  })

  it("takes none for another request, by another key, without the token, or twice over", async () => {
    const other = await proofKey()
    for (const payload of [{ htm: "GET" }, { htu: `${node.issuer}/verify` }, { ath: "x" }, { iat: 1 }])
      expect(await said(prove(await proofOf(payload))), JSON.stringify(payload)).toEqual([401, "invalid_dpop_proof"])
    expect(await said(prove(await proofOf({}, other)))).toEqual([401, "invalid_token"])
    expect(await said(prove(""))).toEqual([401, "invalid_dpop_proof"])
    expect(await said(prove([await proofOf(), await proofOf()]))).toEqual([401, "invalid_dpop_proof"])
    expect(await said(prove(await proofOf(), { "x-forwarded-uri": "/other" }))).toEqual([401, "invalid_dpop_proof"])
    const { headers } = await prove(await proofOf({ htm: "GET" }))
    expect(headers["www-authenticate"]).toMatch(/^DPoP realm="mcp\.test", algs="ES256 EdDSA RS256", error=/)
  })

  it("takes each kind of token by its own scheme, and bound ones alone where the host wants that", async () => {
    expect(await said(ask({ authorization: `Bearer ${token}`, dpop: await proofOf(), ...original }))).toEqual([
      401,
      "invalid_token",
    ])
    expect(await said(ask({ authorization: `DPoP ${bearer}`, dpop: await proofOf(), ...original }))).toEqual([
      401,
      "invalid_token",
    ])
    expect((await ask({ authorization: `Bearer ${bearer}`, ...original })).status).toBe(200)
    const strict = "https://strict.test:8443/mcp"
    const unbound = (await tokensFor(node, await registerClient(node), alice, { resource: strict })).access_token
    const there = { ...original, "x-forwarded-host": "strict.test" }
    expect(await said(ask({ authorization: `Bearer ${unbound}`, ...there }))).toEqual([401, "invalid_token"])
    const bound = await boundToken(strict)
    const dpop = await key.proof({ method: "POST", url: strict, token: bound })
    expect((await ask({ authorization: `DPoP ${bound}`, dpop, ...there })).status).toBe(200)
  })

  it("cannot judge a proof for a request that nobody tells", async () => {
    const { "x-forwarded-uri": _, ...hostAlone } = original
    const headers = { authorization: `DPoP ${token}`, dpop: await proofOf() }
    expect(await said(ask(headers))).toEqual([401, "invalid_token"])
    expect(await said(ask({ ...headers, ...hostAlone }))).toEqual([401, "invalid_token"])
  })

  it("asks for a nonce where proofs must carry one, and says 503 when it cannot know whether one was used", async () => {
    const nonces = { ...env, OAUTH_DPOP_NONCE_REQUIRED: "true" }
    const careful = await oauthNode({
      redisUrl: redis.url,
      masterKey: node.config.MASTER_KEY,
      decides: false,
      env: nonces,
    })
    try {
      const asked = await prove(await proofOf(), {}, careful)
      expect(await said(Promise.resolve(asked))).toEqual([401, "use_dpop_nonce"])
      const nonce = asked.headers["dpop-nonce"] as string
      expect((await prove(await proofOf({ nonce }), {}, careful)).status).toBe(200)
      redis.pause()
      expect((await prove(await proofOf({ nonce }), {}, careful)).status).toBe(503)
    } finally {
      redis.resume()
      await careful.stop()
    }
  })
})

describe("forward authentication for the MCP endpoint", () => {
  it("asks where a web page comes from, before anything else, on that path alone", async () => {
    const good = { authorization: `Bearer ${bearer}`, ...original }
    for (const origin of ["https://mcp.test:8443", "https://app.example"])
      expect((await ask({ ...good, origin })).status, origin).toBe(200)
    for (const origin of ["https://evil.example", "null", "http://mcp.test:8443"]) {
      expect((await ask({ ...good, origin })).status, origin).toBe(403)
      expect((await ask({ ...original, origin })).status, "without a token").toBe(403)
      expect((await ask({ ...good, origin, "x-forwarded-uri": "/MCP/" })).status).toBe(403)
      expect((await ask({ ...good, origin, "x-forwarded-uri": "/other" })).status).toBe(200)
    }
  })

  it("takes no token from the query", async () => {
    for (const query of ["access_token=x", "a=b&acc%65ss_token=x"]) {
      const uri = { "x-forwarded-uri": `/mcp?${query}` }
      expect((await ask({ authorization: `Bearer ${bearer}`, ...original, ...uri })).status, query).toBe(400)
    }
  })
})
