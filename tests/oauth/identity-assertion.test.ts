import { type JWTHeaderParameters, SignJWT, decodeJwt, exportJWK, generateKeyPair } from "jose"
import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TestClient, registerClient, tokenRequest } from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { all } from "../../src/events/world.ts"
import { createServer } from "node:http"
import { loadConfig } from "../../src/platform/config.ts"
import { once } from "node:events"

type Key = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
let redis: RedisServer
let node: OAuthNode
let issuer: string
let stopIssuer: () => Promise<void>
let away = false
let key: Key
let client: TestClient
let resource: string
let other: string

beforeAll(async () => {
  redis = await redisServer()
  const { privateKey, publicKey } = await generateKeyPair("ES256")
  key = privateKey
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "idp", alg: "ES256" }] }
  const server = createServer((request, response) => {
    const body = request.url === "/keys" ? jwks : { issuer, jwks_uri: `${issuer}/keys` }
    response.writeHead(away ? 503 : 200, { "content-type": "application/json" }).end(JSON.stringify(body))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  issuer = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  stopIssuer = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, "close")
  }
  node = await oauthNode({ redisUrl: redis.url, env: { OAUTH_TRUSTED_ISSUERS: `company=${issuer}` } })
  await node.ensureSigningKey()
  resource = await protectedProxy(node, "mcp.test", { auth_required_emails: ["*@example.org"] })
  other = await protectedProxy(node, "other.test")
  client = await registerClient(node, {
    grant_types: ["authorization_code", grantType],
    token_endpoint_auth_method: "client_secret_post",
  })
})

afterAll(async () => {
  await node?.stop()
  await stopIssuer?.()
  await redis?.stop()
})

const seconds = () => Math.floor(Date.now() / 1000)

async function assertion(claims: object = {}, header: object = {}, by: Key | Uint8Array = key): Promise<string> {
  const good = {
    iss: issuer,
    sub: "ann",
    aud: node.issuer,
    client_id: client.client_id,
    resource,
    scope: "mcp:read mcp:write",
    email: "ann@example.org",
    email_verified: true,
    jti: crypto.randomUUID(),
    iat: seconds(),
    exp: seconds() + 300,
  }
  const present = Object.fromEntries(Object.entries({ ...good, ...claims }).filter(([, value]) => value !== undefined))
  const protectedHeader = { alg: "ES256", kid: "idp", typ: "oauth-id-jag+jwt", ...header } as JWTHeaderParameters
  return new SignJWT(present).setProtectedHeader(protectedHeader).sign(by)
}

const redeem = (text: string, form: Record<string, string | readonly string[]> = {}, of = client) =>
  tokenRequest(node, {
    grant_type: grantType,
    client_id: of.client_id,
    client_secret: of.client_secret!,
    assertion: text,
    ...form,
  })
const errorOf = async (answer: ReturnType<typeof redeem>) => {
  const { status, json } = await answer
  return [status, json()["error"]]
}

describe("an assertion of a trusted issuer", () => {
  it("gets tokens for the person that it names, without asking anybody, and no refresh token", async () => {
    const answer = await redeem(await assertion())
    expect(answer.status, answer.text).toBe(200)
    const tokens = answer.json<{ access_token: string }>()
    expect(tokens).not.toHaveProperty("refresh_token")
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      sub: "oidc-company-ann",
      username: "ann@example.org",
      email: "ann@example.org",
      aud: [resource],
      scope: "mcp:read mcp:write",
      client_id: client.client_id,
    })
    const headers = { authorization: `Bearer ${tokens.access_token}`, "x-forwarded-host": "mcp.test" }
    expect((await send(node, "/verify", { headers })).status).toBe(200)
  })

  it("has one grant for client and person, however often it comes", async () => {
    const position = (await redeem(await assertion())).status === 200 && node.world.position
    await redeem(await assertion())
    expect(node.world.position).toBe(position)
    const grants = [...all(node.world, "grant")].filter(({ subject }) => subject === "oidc-company-ann")
    expect(grants).toHaveLength(1)
    const first = (await redeem(await assertion())).json<{ access_token: string }>().access_token
    await node.execute("RevokeGrant", { grant_id: grants[0]!.grant_id, reason: "admin" })
    await redeem(await assertion())
    expect((await send(node, "/verify", { headers: { authorization: `Bearer ${first}` } })).status).toBe(401)
  })

  it("is good for no more than it says", async () => {
    const both = await assertion({ resource: [resource, other] })
    expect((await redeem(both, { resource: other, scope: "mcp:read" })).json()).toMatchObject({ scope: "mcp:read" })
    expect(await errorOf(redeem(await assertion(), { resource: other }))).toEqual([400, "invalid_target"])
    expect(await errorOf(redeem(await assertion({ resource: undefined })))).toEqual([400, "invalid_target"])
    expect(await errorOf(redeem(await assertion({ resource: "https://elsewhere.test/" })))).toEqual([
      400,
      "invalid_target",
    ])
    expect((await redeem(await assertion({ scope: "mcp:read" }))).json()).toMatchObject({ scope: "mcp:read" })
    expect(await errorOf(redeem(await assertion({ scope: "mcp:read" }), { scope: "mcp:write" }))).toEqual([
      400,
      "invalid_scope",
    ])
    expect(await errorOf(redeem(await assertion({ scope: "mcp:admin" })))).toEqual([400, "invalid_scope"])
  })

  it("is good once, and for people whom the resource's rule lets in", async () => {
    const once = await assertion()
    expect((await redeem(once)).status).toBe(200)
    expect(await errorOf(redeem(once))).toEqual([400, "invalid_grant"])
    for (const email_verified of [false, undefined, "true"])
      expect(await errorOf(redeem(await assertion({ email_verified })))).toEqual([400, "invalid_grant"])
    expect(await errorOf(redeem(await assertion({ email: "ann@evil.example" })))).toEqual([400, "invalid_grant"])
  })

  it.each([
    ["another issuer", { iss: "https://evil.example" }],
    ["no issuer", { iss: undefined }],
    ["another audience", { aud: "https://evil.example" }],
    ["two audiences", () => ({ aud: [node.issuer, "https://evil.example"] })],
    ["no audience", { aud: undefined }],
    ["another client", { client_id: "mcp_other_other" }],
    ["no client", { client_id: undefined }],
    ["no subject", { sub: undefined }],
    ["a subject with odd characters", { sub: "a\nb" }],
    ["no id", { jti: undefined }],
    ["an end in the past", { exp: 1_000_000 }],
    ["an end too far away", () => ({ exp: seconds() + 7200 })],
    ["no end", { exp: undefined }],
    ["a beginning to come", () => ({ nbf: seconds() + 600 })],
  ])("is refused with %s", async (_what, claims) => {
    const text = await assertion(typeof claims === "function" ? claims() : claims)
    expect(await errorOf(redeem(text))).toEqual([400, "invalid_grant"])
  })

  it("is refused with another type, another signature, or none", async () => {
    const shared = new TextEncoder().encode("x".repeat(32))
    const texts = [
      await assertion({}, { typ: "JWT" }),
      await assertion({}, { typ: undefined }),
      await assertion({}, {}, (await generateKeyPair("ES256")).privateKey),
      await assertion({}, { kid: "unknown" }),
      await assertion({}, { alg: "HS256" }, shared),
      `${(await assertion()).slice(0, -4)}AAAA`,
      "nonsense",
      "x".repeat(20_000),
    ]
    for (const text of texts) expect(await errorOf(redeem(text)), text.slice(0, 60)).toEqual([400, "invalid_grant"])
    expect(await errorOf(redeem(""))).toEqual([400, "invalid_request"])
  })

  it("is for confidential clients that registered the grant", async () => {
    const open = await registerClient(node, { grant_types: ["authorization_code", grantType] })
    const without = await registerClient(node, { token_endpoint_auth_method: "client_secret_post" })
    const of = async (who: TestClient) =>
      errorOf(
        tokenRequest(node, {
          grant_type: grantType,
          client_id: who.client_id,
          ...(who.client_secret !== undefined && { client_secret: who.client_secret }),
          assertion: await assertion({ client_id: who.client_id }),
        }),
      )
    expect(await of(open)).toEqual([400, "unauthorized_client"])
    expect(await of(without)).toEqual([400, "unauthorized_client"])
  })
})

describe("the list of trusted issuers", () => {
  it("switches the grant on, and the metadata say so", async () => {
    const supported = async (at: OAuthNode) =>
      (await send(at, "/.well-known/oauth-authorization-server"))
        .json<{ grant_types_supported: string[] }>()
        .grant_types_supported.includes(grantType)
    expect(await supported(node)).toBe(true)
    const plain = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false })
    try {
      expect(await supported(plain)).toBe(false)
      const form = {
        grant_type: grantType,
        client_id: client.client_id,
        client_secret: client.client_secret!,
        assertion: await assertion(),
      }
      expect((await tokenRequest(plain, form)).json()["error"]).toBe("unsupported_grant_type")
    } finally {
      await plain.stop()
    }
  })

  it("names an issuer that may be away for a while", async () => {
    const peer = await oauthNode({
      redisUrl: redis.url,
      masterKey: node.config.MASTER_KEY,
      decides: false,
      env: { OAUTH_TRUSTED_ISSUERS: `company=${issuer}` },
    })
    try {
      await apiToken(node, "somebody")
      away = true
      const form = {
        grant_type: grantType,
        client_id: client.client_id,
        client_secret: client.client_secret!,
        assertion: await assertion(),
      }
      const answer = await tokenRequest(peer, form)
      expect([answer.status, answer.json()["error"], answer.headers["retry-after"]]).toEqual([
        503,
        "temporarily_unavailable",
        "10",
      ])
      away = false
      expect((await tokenRequest(peer, form)).status).toBe(200)
    } finally {
      await peer.stop()
    }
  })

  it.each([
    ["no name", "https://idp.example"],
    ["plain HTTP", "company=http://idp.example"],
    ["a name twice", "a=https://one.example,a=https://two.example"],
    ["an issuer twice", "a=https://one.example,b=https://one.example"],
    ["the login provider's name", "oidc=https://two.example"],
  ])("is refused with %s", (_what, value) => {
    const env = {
      MASTER_KEY: node.config.MASTER_KEY,
      REDIS_URL: redis.url,
      OIDC_ISSUER: "https://one.example",
      OIDC_CLIENT_ID: "x",
      OIDC_CLIENT_SECRET: "y",
    }
    expect(() => loadConfig({ ...env, OAUTH_TRUSTED_ISSUERS: value })).toThrow("OAUTH_TRUSTED_ISSUERS")
    expect(() =>
      loadConfig({ ...env, OAUTH_TRUSTED_ISSUERS: "oidc=https://one.example,b=https://b.example" }),
    ).not.toThrow()
  })
})
