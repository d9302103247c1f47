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
  verifier,
} from "./flow.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

let redis: RedisServer
let node: OAuthNode
let alice: string
let resource: string
let second: string
let client: TestClient

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  second = await protectedProxy(node, "second.test", {}, { mcp_scopes: ["mcp:read"] })
  client = await registerClient(node)
})

afterEach(() => {
  node.clock.offset = 0
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { aud: string[]; scope: string; sid: string }
const error = async (form: Record<string, string | readonly string[]>, headers: Record<string, string> = {}) => {
  const answer = await tokenRequest(node, form, headers)
  expect(answer.headers["cache-control"]).toBe("no-store")
  expect(answer.headers["access-control-allow-origin"]).toBe("*")
  return [answer.status, answer.json()["error"]]
}
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
})

describe("a code", () => {
  it("stays good after every attempt that lacks a binding, and goes to its owner", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const good = redemption(client, code, codeVerifier)
    const other = await registerClient(node)
    const { code_verifier: _, ...withoutVerifier } = good
    const { redirect_uri: __, ...withoutRedirect } = good
    expect(await error({ ...good, client_id: other.client_id })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code_verifier: verifier() })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code_verifier: "short" })).toEqual([400, "invalid_grant"])
    expect(await error(withoutVerifier)).toEqual([400, "invalid_request"])
    expect(await error({ ...good, redirect_uri: "https://client.example/other" })).toEqual([400, "invalid_grant"])
    expect(await error(withoutRedirect)).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code: `${code}x` })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, code: code.replace(/\..*/, ".forged") })).toEqual([400, "invalid_grant"])
    expect(await error({ ...good, resource: second })).toEqual([400, "invalid_target"])
    expect((await tokenRequest(node, good)).status).toBe(200)
  })

  it("ends its grant when it is used twice", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const tokens = (await tokenRequest(node, redemption(client, code, codeVerifier))).json<Tokens>()
    expect(find(node.world, "grant", claims(tokens.access_token).sid)).toBeDefined()
    expect(await error(redemption(client, code, codeVerifier))).toEqual([400, "invalid_grant"])
    expect(find(node.world, "grant", claims(tokens.access_token).sid)).toBeUndefined()
    expect(await error(refreshing(client, tokens.refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("lives a minute", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    node.clock.offset = 60_001
    expect(await error(redemption(client, code, codeVerifier))).toEqual([400, "invalid_grant"])
  })

  it("is worth nothing once its grant was revoked", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    await node.execute("RevokeGrant", { grant_id: code.split(".")[0]!, reason: "admin" })
    expect(await error(redemption(client, code, codeVerifier))).toEqual([400, "invalid_grant"])
  })

  it("needs no redirect URI when the authorization request had none", async () => {
    for (const redirect of [{}, { redirect_uri: client.redirect_uri }]) {
      const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource, redirect_uri: undefined })
      const { redirect_uri: _, ...form } = redemption(client, code, codeVerifier)
      expect((await tokenRequest(node, { ...form, ...redirect })).status).toBe(200)
    }
  })

  it("gives tokens for fewer resources than were authorized, and the common scopes", async () => {
    const both = [resource, second]
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource: both })
    const tokens = (
      await tokenRequest(node, { ...redemption(client, code, codeVerifier), resource: second })
    ).json<Tokens>()
    expect(claims(tokens.access_token)).toMatchObject({ aud: [second], scope: "mcp:read" })
    const next = (await tokenRequest(node, refreshing(client, tokens.refresh_token))).json<Tokens>()
    expect(claims(next.access_token).aud).toEqual(both)
  })

  it("comes as JSON too", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const json = { ...redemption(client, code, codeVerifier), resource: [resource] }
    expect((await send(node, "/token/", { json })).status).toBe(200)
  })

  it("brings no refresh token to a client that did not register the grant, unless it asked for offline access", async () => {
    const plain = await registerClient(node, { grant_types: undefined })
    expect((await tokensFor(node, plain, alice, { resource })).refresh_token).toBeUndefined()
    const offline = await tokensFor(node, plain, alice, { resource, scope: "mcp:read offline_access" })
    expect(offline.scope).toBe("mcp:read offline_access")
    expect((await tokenRequest(node, refreshing(plain, offline.refresh_token))).status).toBe(200)
  })
})

describe("a refresh token", () => {
  it("is answered with the same successor for 30 seconds, while that is unused", async () => {
    const first = await tokensFor(node, client, alice, { resource })
    const next = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    node.clock.offset = 25_000
    const again = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    expect(again.refresh_token).toBe(next.refresh_token)
  })

  it.each([
    ["after 30 seconds", 31_000, false],
    ["after its successor was used", 0, true],
  ])("takes the grant with it when it comes back %s", async (_when, later, useSuccessor) => {
    const first = await tokensFor(node, client, alice, { resource })
    let newest = (await tokenRequest(node, refreshing(client, first.refresh_token))).json<Tokens>()
    if (useSuccessor) newest = (await tokenRequest(node, refreshing(client, newest.refresh_token))).json<Tokens>()
    node.clock.offset = later
    expect(await error(refreshing(client, first.refresh_token))).toEqual([400, "invalid_grant"])
    expect(find(node.world, "grant", claims(first.access_token).sid)).toBeUndefined()
    expect(await error(refreshing(client, newest.refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("is worth nothing to another client, and loses nothing by its attempt", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource })
    const other = await registerClient(node)
    expect(await error(refreshing(other, refresh_token))).toEqual([400, "invalid_grant"])
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
  })

  it("cannot be made or changed", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource })
    const [family, , mac] = refresh_token.split(".")
    for (const forged of [
      `${family}.2.${mac}`,
      `${family}.1.${"A".repeat(43)}`,
      `${family}.1`,
      `${family}.01.${mac}`,
      "x",
      `${family}.-1.${mac}`,
    ])
      expect(await error(refreshing(client, forged)), forged).toEqual([400, "invalid_grant"])
    expect((await tokenRequest(node, refreshing(client, refresh_token))).status).toBe(200)
  })

  it("narrows and never widens, and is not used up by a request for more", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource, scope: "mcp:read" })
    const form = refreshing(client, refresh_token)
    expect(await error({ ...form, scope: "mcp:read mcp:write" })).toEqual([400, "invalid_scope"])
    expect(await error({ ...form, resource: second })).toEqual([400, "invalid_target"])
    expect(await error({ ...form, resource: "not a uri" })).toEqual([400, "invalid_target"])
    const answer = await tokenRequest(node, { ...form, scope: "mcp:read", resource })
    expect(answer.json<Tokens>().refresh_token).toMatch(/^[0-9a-f-]{36}\.2\./)
  })

  it("is refused as soon as a rule shuts the person out, and not used up while its proxy is off", async () => {
    const hostname = "third.test"
    const third = await protectedProxy(node, hostname)
    const { refresh_token } = await tokensFor(node, client, alice, { resource: third })
    await node.execute("UpdateProxy", { hostname, changes: { enabled: false }, force: false })
    expect(await error(refreshing(client, refresh_token))).toEqual([400, "invalid_target"])
    await node.execute("UpdateProxy", { hostname, changes: { enabled: true }, force: false })
    const next = (await tokenRequest(node, refreshing(client, refresh_token))).json<Tokens>()
    const auth = find(node.world, "proxy", hostname)!.auth!
    await node.execute("SetProxyAuth", { hostname, auth: { ...auth, auth_required_users: ["bob"] } })
    expect(await error(refreshing(client, next.refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("is refused when the API token behind the login is gone, or another stands under its name", async () => {
    const carol = await apiToken(node, "carol")
    const { refresh_token } = await tokensFor(node, client, carol, { resource })
    await node.execute("DeleteToken", { name: "carol" })
    expect(await error(refreshing(client, refresh_token))).toEqual([400, "invalid_grant"])
    await apiToken(node, "carol")
    expect(await error(refreshing(client, refresh_token))).toEqual([400, "invalid_grant"])
  })

  it("loses the scopes that its resource has no more", async () => {
    const hostname = "fourth.test"
    const fourth = await protectedProxy(node, hostname)
    const { refresh_token } = await tokensFor(node, client, alice, { resource: fourth })
    const mcp = find(node.world, "proxy", hostname)!.mcp!
    await node.execute("SetProxyMcp", { hostname, mcp: { ...mcp, mcp_scopes: ["mcp:read"] } })
    expect((await tokenRequest(node, refreshing(client, refresh_token))).json<Tokens>().scope).toBe("mcp:read")
  })
})

describe("client authentication", () => {
  it("takes form-encoded Basic credentials and nothing but the registered method", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: undefined })
    const id = confidential.client_id
    const secret = confidential.client_secret!
    const attempt = async (form: Record<string, string>, headers: Record<string, string>) => {
      const answer = await tokenRequest(node, { grant_type: "refresh_token", refresh_token: "x", ...form }, headers)
      return [answer.status, answer.json()["error"], answer.headers["www-authenticate"]]
    }
    const authenticated = [400, "invalid_grant", undefined]
    const challenged = [401, "invalid_client", `Basic realm="${node.issuer}"`]
    const encoded = Buffer.from(secret).toString("hex").replace(/../g, "%$&")
    expect(await attempt({}, basic(id, secret))).toEqual(authenticated)
    expect(await attempt({}, basic(id, encoded))).toEqual(authenticated)
    expect(await attempt({ client_id: id }, basic(id, secret))).toEqual(authenticated)
    expect(await attempt({}, basic(id, `${secret}x`))).toEqual(challenged)
    expect(await attempt({}, basic(id, ""))).toEqual(challenged)
    expect(await attempt({}, basic("mcp_unknown", secret))).toEqual(challenged)
    expect(await attempt({}, { authorization: "Basic !!!" })).toEqual(challenged)
    expect(await attempt({}, { authorization: `Bearer ${secret}` })).toEqual(challenged)
    expect(await attempt({ client_secret: secret }, basic(id, secret))).toEqual([400, "invalid_request", undefined])
    expect(await attempt({ client_id: client.client_id }, basic(id, secret))).toEqual([
      400,
      "invalid_request",
      undefined,
    ])
    expect(await attempt({ client_id: id, client_secret: secret }, {})).toEqual([401, "invalid_client", undefined])
    expect(await attempt({ client_id: id }, {})).toEqual([401, "invalid_client", undefined])
    expect(await attempt({}, {})).toEqual([401, "invalid_client", undefined])
  })

  it("takes a posted secret from a client that registered that, and none from a public one", async () => {
    const poster = await registerClient(node, { token_endpoint_auth_method: "client_secret_post" })
    const form = { grant_type: "refresh_token", refresh_token: "x", client_id: poster.client_id }
    expect(await error({ ...form, client_secret: poster.client_secret! })).toEqual([400, "invalid_grant"])
    expect(await error({ ...form, client_secret: "wrong" })).toEqual([401, "invalid_client"])
    expect(await error(form)).toEqual([401, "invalid_client"])
    expect(await error({ ...form, client_id: client.client_id, client_secret: "x" })).toEqual([401, "invalid_client"])
    expect(await error({ ...form, client_id: client.client_id, client_secret: "" })).toEqual([400, "invalid_grant"])
  })

  it("runs a whole login for a confidential client", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    const { code, verifier: codeVerifier } = await codeFor(node, confidential, alice, { resource })
    const { client_id, ...form } = redemption(confidential, code, codeVerifier)
    expect((await tokenRequest(node, form, basic(client_id, confidential.client_secret!))).status).toBe(200)
  })
})

describe("a malformed token request", () => {
  it.each([
    ["no grant type", { grant_type: "" }, "invalid_request"],
    ["a password grant", { grant_type: "password" }, "unsupported_grant_type"],
    [
      "a client credentials grant of a client that registered itself",
      { grant_type: "client_credentials" },
      "unauthorized_client",
    ],
    ["no code", { grant_type: "authorization_code" }, "invalid_request"],
    ["a code twice", { grant_type: "authorization_code", code: ["a", "b"] }, "invalid_request"],
    ["a grant type twice", { grant_type: ["authorization_code", "authorization_code"] }, "invalid_request"],
    ["no refresh token", { grant_type: "refresh_token" }, "invalid_request"],
  ])("is refused: %s", async (_what, form, expected) => {
    expect(await error({ client_id: client.client_id, ...form })).toEqual([400, expected])
  })

  it("is refused in another form, and when it is too large", async () => {
    const post = async (body: string, type: string) => {
      const answer = await send(node, "/token", { body, headers: { "content-type": type } })
      return [answer.status, answer.json()["error"]]
    }
    expect(await post("grant_type=refresh_token", "text/plain")).toEqual([400, "invalid_request"])
    expect(await post("[]", "application/json")).toEqual([400, "invalid_request"])
    expect(await post("{", "application/json")).toEqual([400, "invalid_request"])
    expect(await post('{"grant_type":1}', "application/json")).toEqual([400, "invalid_request"])
    expect(await post("a=%ff".padEnd(70_000, "x"), "application/x-www-form-urlencoded")).toEqual([
      413,
      "invalid_request",
    ])
    const chunked = await send(node, "/token", {
      body: "x".repeat(70_000),
      headers: { "content-type": "application/json", "transfer-encoding": "chunked", "content-length": [] as never },
    })
    expect(chunked.status).toBe(413)
  })

  it("is answered 405 when it is no POST", async () => {
    const answer = await send(node, "/token")
    expect([answer.status, answer.headers.allow]).toEqual([405, "POST, OPTIONS"])
  })
})

describe("revocation", () => {
  it("answers 200 and does nothing for what is not the client's", async () => {
    const { refresh_token, access_token } = await tokensFor(node, client, alice, { resource })
    const other = await registerClient(node)
    for (const token of [refresh_token, access_token, "garbage", `${refresh_token}x`])
      expect((await send(node, "/revoke", { form: { client_id: other.client_id, token } })).status).toBe(200)
    expect(find(node.world, "grant", claims(access_token).sid)).toBeDefined()
  })

  it("ends a grant by its access token, and needs a token and a client", async () => {
    const { access_token } = await tokensFor(node, client, alice, { resource })
    expect((await send(node, "/revoke", { form: { client_id: client.client_id } })).json()["error"]).toBe(
      "invalid_request",
    )
    expect((await send(node, "/revoke", { form: { token: access_token } })).status).toBe(401)
    const form = { client_id: client.client_id, token: access_token, token_type_hint: "refresh_token" }
    expect((await send(node, "/revoke", { form })).status).toBe(200)
    expect(find(node.world, "grant", claims(access_token).sid)).toBeUndefined()
  })
})

describe("introspection", () => {
  it("tells a token's client and an administrator, and nobody else", async () => {
    const confidential = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    const { code, verifier: codeVerifier } = await codeFor(node, confidential, alice, { resource })
    const own = basic(confidential.client_id, confidential.client_secret!)
    const tokens = (await tokenRequest(node, { ...redemption(confidential, code, codeVerifier) }, own)).json<Tokens>()
    const ask = async (token: string, headers: Record<string, string>) =>
      (await send(node, "/introspect", { form: { token }, headers })).json()
    expect(await ask(tokens.access_token, own)).toMatchObject({
      active: true,
      token_type: "Bearer",
      client_id: confidential.client_id,
      sub: "local-alice",
      aud: [resource],
      iss: node.issuer,
      scope: "mcp:read mcp:write",
    })
    expect(await ask(tokens.refresh_token, own)).toMatchObject({
      active: true,
      token_type: "refresh_token",
      aud: [resource],
    })
    const foreign = await registerClient(node, { token_endpoint_auth_method: "client_secret_basic" })
    expect(await ask(tokens.access_token, basic(foreign.client_id, foreign.client_secret!))).toEqual({ active: false })
    expect(await ask(tokens.access_token, { authorization: `Bearer ${alice}` })).toEqual({ active: false })
    expect(await ask("garbage", own)).toEqual({ active: false })
    await send(node, "/revoke", { form: { token: tokens.refresh_token }, headers: own })
    expect(await ask(tokens.access_token, own)).toEqual({ active: false })
    expect((await send(node, "/introspect", { form: { token: "x" } })).status).toBe(401)
    expect((await send(node, "/introspect", { form: { token: "x", client_id: client.client_id } })).status).toBe(401)
    expect(
      (await send(node, "/introspect", { form: { token: "x" }, headers: { authorization: "Bearer x" } })).status,
    ).toBe(401)
  })
})
