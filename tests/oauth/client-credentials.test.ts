import { type Answer, type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type JWTHeaderParameters, type JWTPayload, SignJWT, decodeJwt, exportJWK, generateKeyPair } from "jose"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { all, find } from "../../src/events/world.ts"
import { randomSecret, sha256 } from "../../src/platform/ids.ts"
import { tokenRequest } from "./flow.ts"

type Key = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]

let redis: RedisServer
let node: OAuthNode
let resource: string
let keys: { publicKey: Key; privateKey: Key }

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  await apiToken(node, "owner")
  resource = await protectedProxy(node, "mcp.test")
  keys = await generateKeyPair("ES256")
})

afterEach(() => {
  node.clock.offset = 0
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const machine = { redirect_uris: [], response_types: [], grant_types: ["client_credentials"] }

/** Sets a machine client up. @returns id and secret */
async function created(metadata: object = {}, more: object = {}): Promise<{ id: string; secret: string }> {
  const [id, secret] = [`mcp_${randomSecret(16)}`, randomSecret()]
  await node.execute("CreateClient", {
    client_id: id,
    metadata: { ...machine, token_endpoint_auth_method: "client_secret_basic", ...metadata },
    secret_hash: sha256(secret),
    ...more,
  })
  return { id, secret }
}

const basic = ({ id, secret }: { id: string; secret: string }) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
})
const request = (
  client: { id: string; secret: string },
  form: Record<string, string | readonly string[]> = {},
): Promise<Answer> => tokenRequest(node, { grant_type: "client_credentials", resource, ...form }, basic(client))
const errorOf = (answer: Answer) => [answer.status, answer.json()["error"]]
const claimsOf = (answer: Answer) => decodeJwt(answer.json<{ access_token: string }>().access_token)
const verify = async (answer: Answer, host = "mcp.test") => {
  const { access_token } = answer.json<{ access_token: string }>()
  return (
    await send(node, "/verify", { headers: { authorization: `Bearer ${access_token}`, "x-forwarded-host": host } })
  ).status
}

describe("a client that acts for itself", () => {
  it("gets an access token with itself as subject, and no refresh token", async () => {
    const client = await created({ client_name: "Nightly job" })
    const answer = await request(client)
    expect(answer.status, answer.text).toBe(200)
    expect(answer.headers["cache-control"]).toBe("no-store")
    expect(answer.json()).toEqual({
      access_token: expect.any(String) as string,
      token_type: "Bearer",
      expires_in: 1800,
      scope: "mcp:read mcp:write",
    })
    expect(claimsOf(answer)).toMatchObject({
      sub: client.id,
      client_id: client.id,
      azp: client.id,
      aud: [resource],
      groups: [],
    })
    expect(await verify(answer)).toBe(200)
    expect(find(node.world, "client", client.id)?.used_at).not.toBeNull()
  })

  it("gets what it asks for and never more than it was given", async () => {
    const client = await created({ scope: "mcp:read offline_access" })
    expect((await request(client)).json()["scope"]).toBe("mcp:read")
    expect(errorOf(await request(client, { scope: "mcp:write" }))).toEqual([400, "invalid_scope"])
    expect(errorOf(await request(client, { scope: "mcp:admin" }))).toEqual([400, "invalid_scope"])
    expect(errorOf(await request(client, { scope: "offline_access" }))).toEqual([400, "invalid_scope"])
  })

  it("must name a resource that exists", async () => {
    const client = await created()
    expect(errorOf(await request(client, { resource: [] }))).toEqual([400, "invalid_target"])
    expect(errorOf(await request(client, { resource: "https://elsewhere.test/" }))).toEqual([400, "invalid_target"])
  })

  it("has one grant however often it asks, and loses every token with it", async () => {
    const client = await created()
    const other = await protectedProxy(node, "second.test")
    const first = await request(client)
    const second = await request(client, { resource: other })
    expect(claimsOf(first)["sid"]).toBe(claimsOf(second)["sid"])
    const grants = () => [...all(node.world, "grant")].filter(({ client_id }) => client_id === client.id)
    expect(grants()).toHaveLength(1)
    expect(grants()[0]).toMatchObject({
      subject: client.id,
      provider: "client",
      resources: [resource, other],
      redirect_uri: null,
    })
    const position = node.world.position
    await request(client)
    expect(node.world.position).toBe(position)
    expect([await verify(first), await verify(second, "second.test")]).toEqual([200, 200])
    await node.execute("RevokeGrant", { grant_id: claimsOf(first)["sid"], reason: "admin" })
    expect([await verify(first), await verify(second, "second.test")]).toEqual([401, 401])
    expect(await verify(await request(client))).toBe(200)
    expect([await verify(first), await verify(second, "second.test")]).toEqual([401, 401])
  })

  it("can lose one token alone", async () => {
    const client = await created()
    const [first, second] = [await request(client), await request(client)]
    const { jti, sid, exp } = claimsOf(first)
    const data = { grant_id: sid, jti, expires_at: new Date(exp! * 1000).toISOString() }
    await node.execute("RevokeAccessToken", data)
    await node.execute("RevokeAccessToken", data)
    expect([await verify(first), await verify(second)]).toEqual([401, 200])
    expect(find(node.world, "grant", sid as string)?.revoked_tokens).toHaveLength(1)
  })

  it("is let through a rule that names it, and stopped by one that does not", async () => {
    const client = await created()
    const strict = await protectedProxy(node, "strict.test", { auth_required_users: ["somebody"] })
    expect(errorOf(await request(client, { resource: strict }))).toEqual([400, "invalid_target"])
    const named = await protectedProxy(node, "named.test", { auth_required_users: [`client:${client.id}`] })
    expect(await verify(await request(client, { resource: named }), "named.test")).toBe(200)
    const other = await created()
    expect(errorOf(await request(other, { resource: named }))).toEqual([400, "invalid_target"])
  })

  it("of an owner reaches that owner's proxies, and others only by name", async () => {
    const client = await created({}, { owner: "owner" })
    expect(errorOf(await request(client))).toEqual([400, "invalid_target"])
    const named = await protectedProxy(node, "named2.test", { auth_required_users: [`client:${client.id}`] })
    expect((await request(client, { resource: named })).status).toBe(200)
    const own = await protectedProxy(node, "own.test", {}, {}, "owner")
    expect((await request(client, { resource: own })).status).toBe(200)
  })

  it("may have administration where a rule gives it", async () => {
    const client = await created()
    const mcp = {
      mcp_scopes: ["mcp:read", "mcp:admin"],
      mcp_scope_rules: [{ scope: "mcp:admin", users: [`client:${client.id}`] }],
    }
    const ruled = await protectedProxy(node, "ruled.test", {}, mcp)
    expect((await request(client, { resource: ruled, scope: "mcp:admin" })).json()["scope"]).toBe("mcp:admin")
    expect((await request(client, { resource: ruled })).json()["scope"]).toBe("mcp:read")
    expect(errorOf(await request(await created(), { resource: ruled, scope: "mcp:admin" }))).toEqual([
      400,
      "invalid_scope",
    ])
  })

  it("is nobody any more when it is switched off, expired, deleted, or its secret was replaced", async () => {
    const client = await created({}, { expires_at: new Date(Date.now() + 3_600_000).toISOString() })
    const answer = await request(client)
    await node.execute("SetClientStatus", { client_id: client.id, disabled: true })
    expect([errorOf(await request(client)), await verify(answer)]).toEqual([[401, "invalid_client"], 401])
    await node.execute("SetClientStatus", { client_id: client.id, disabled: false })
    const renewed = randomSecret()
    await node.execute("ReplaceClientSecret", { client_id: client.id, secret_hash: sha256(renewed) })
    expect(errorOf(await request(client))).toEqual([401, "invalid_client"])
    expect((await request({ id: client.id, secret: renewed })).status).toBe(200)
    node.clock.offset = 7_776_000_000 + 60_000
    expect(errorOf(await request({ id: client.id, secret: renewed }))).toEqual([401, "invalid_client"])
    node.clock.offset = 0
    await node.execute("DeleteClient", { client_id: client.id, reason: "test" })
    expect(errorOf(await request({ id: client.id, secret: renewed }))).toEqual([401, "invalid_client"])
  })

  it("does not live without whoever set it up", async () => {
    await apiToken(node, "leaving")
    const client = await created({}, { owner: "leaving" })
    await node.execute("DeleteToken", {
      name: "leaving",
      cascade: true,
      force: true,
      dry_run: false,
      reassign_to: null,
    })
    expect(errorOf(await request(client))).toEqual([401, "invalid_client"])
    await apiToken(node, "leaving")
    expect(errorOf(await request(client))).toEqual([401, "invalid_client"])
  })
})

describe("a client that signs its requests", () => {
  const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
  let id: string

  beforeAll(async () => {
    id = `mcp_${randomSecret(16)}`
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "one" }] }
    const metadata = { ...machine, token_endpoint_auth_method: "private_key_jwt", jwks }
    await node.execute("CreateClient", { client_id: id, metadata, secret_hash: null })
  })

  const seconds = () => Math.floor(Date.now() / 1000)
  const good = (): JWTPayload => ({ iss: id, sub: id, aud: node.issuer, exp: seconds() + 60, jti: crypto.randomUUID() })
  const sign = (claims: JWTPayload, header: Partial<JWTHeaderParameters> = {}, key: Key = keys.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "one", ...header }).sign(key)
  const present = (assertion: string, form: Record<string, string> = {}, headers = {}) =>
    tokenRequest(
      node,
      { grant_type: "client_credentials", resource, client_assertion_type: type, client_assertion: assertion, ...form },
      headers,
    )

  it("is known by an assertion for the issuer or the token endpoint", async () => {
    expect((await present(await sign(good()))).status).toBe(200)
    expect((await present(await sign({ ...good(), aud: `${node.issuer}/token` }))).status).toBe(200)
    expect((await present(await sign({ ...good(), aud: [node.issuer] }), { client_id: id })).status).toBe(200)
    const answer = await send(node, "/introspect", {
      form: { token: "x", client_assertion_type: type, client_assertion: await sign(good()) },
    })
    expect(answer.json()).toEqual({ active: false })
  })

  it("is known by each assertion once, on every node", async () => {
    const assertion = await sign(good())
    const other = await oauthNode({ redisUrl: redis.url, masterKey: node.config.MASTER_KEY, decides: false })
    try {
      const form = {
        grant_type: "client_credentials",
        resource,
        client_assertion_type: type,
        client_assertion: assertion,
      }
      const answers = await Promise.all([node, other, node, other].map((at) => tokenRequest(at, form)))
      expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 401, 401, 401])
    } finally {
      await other.stop()
    }
  })

  it.each([
    ["another issuer", () => sign({ ...good(), iss: "mcp_other_other" })],
    ["another subject", () => sign({ ...good(), sub: "mcp_other_other" })],
    ["another audience", () => sign({ ...good(), aud: "https://elsewhere.example" })],
    [
      "somebody else's audience besides ours",
      () => sign({ ...good(), aud: [node.issuer, "https://elsewhere.example"] }),
    ],
    ["no audience", () => sign({ iss: id, sub: id, exp: seconds() + 60, jti: "a" })],
    ["no end", () => sign({ iss: id, sub: id, aud: node.issuer, jti: "b" })],
    ["an end in the past", () => sign({ ...good(), exp: seconds() - 61 })],
    ["an end too far away", () => sign({ ...good(), exp: seconds() + 3600 })],
    ["a beginning in the future", () => sign({ ...good(), nbf: seconds() + 120 })],
    ["no id", () => sign({ iss: id, sub: id, aud: node.issuer, exp: seconds() + 60 })],
    ["an id that is no text", () => sign({ ...good(), jti: 7 as unknown as string })],
    ["an unknown key", () => sign(good(), { kid: "two" })],
    ["somebody else's key", async () => sign(good(), {}, (await generateKeyPair("ES256")).privateKey)],
    ["a header that asks for more", () => sign(good(), { crit: ["x"], x: 1 }).catch(() => "unsignable")],
    [
      "no signature",
      async () => {
        const [, payload] = (await sign(good())).split(".")
        return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`
      },
    ],
    [
      "the public key as a shared secret",
      async () => {
        const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey)))
        return new SignJWT(good()).setProtectedHeader({ alg: "HS256", kid: "one" }).sign(secret)
      },
    ],
    ["nonsense", () => "a.b.c"],
    ["nothing that could be one", () => "x"],
  ])("is refused with %s", async (_what, assertion) => {
    expect(errorOf(await present(await assertion()))).toEqual([401, "invalid_client"])
  })

  it("uses one method, and its own", async () => {
    const secretive = await created()
    expect(errorOf(await present(await sign(good()), {}, basic(secretive)))).toEqual([400, "invalid_request"])
    expect(errorOf(await present(await sign(good()), { client_secret: "x" }))).toEqual([400, "invalid_request"])
    expect(errorOf(await present(await sign(good()), { client_id: secretive.id }))).toEqual([400, "invalid_request"])
    expect(errorOf(await present(await sign(good()), { client_assertion_type: "x" }))).toEqual([401, "invalid_client"])
    expect(errorOf(await tokenRequest(node, { grant_type: "client_credentials", resource, client_id: id }))).toEqual([
      401,
      "invalid_client",
    ])
    expect(
      errorOf(await tokenRequest(node, { grant_type: "client_credentials", resource }, basic({ id, secret: "" }))),
    ).toEqual([401, "invalid_client"])
    const posing = { ...good(), iss: secretive.id, sub: secretive.id }
    expect(errorOf(await present(await sign(posing)))).toEqual([401, "invalid_client"])
  })

  it("may register itself so for logins, but not to act for itself", async () => {
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: "one", extra: "dropped" }] }
    const registration = {
      redirect_uris: ["https://client.example/cb"],
      token_endpoint_auth_method: "private_key_jwt",
      jwks,
    }
    const answer = await send(node, "/register", { json: registration })
    expect(answer.status).toBe(201)
    expect(answer.json()).not.toHaveProperty("client_secret")
    expect(answer.json()["jwks"]).toEqual({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: "one" }] })
    const self = answer.json<{ client_id: string }>().client_id
    const claims = { ...good(), iss: self, sub: self }
    expect(errorOf(await present(await sign(claims)))).toEqual([400, "unauthorized_client"])
  })
})
