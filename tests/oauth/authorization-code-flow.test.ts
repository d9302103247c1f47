import { type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { person } from "./person.ts"
import {
  type TestClient,
  type Tokens,
  approve,
  authorizePath,
  codeFor,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  tokensFor,
  verifier,
} from "./flow.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createLocalJWKSet, jwtVerify } from "jose"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { accessTokens } from "../../src/projections/access-token.ts"
import { all } from "../../src/events/world.ts"

let redis: RedisServer
let node: OAuthNode
let resource: string
let alice: string
let client: TestClient

beforeAll(async () => {
  redis = await redisServer()
  node = await oauthNode({ redisUrl: redis.url })
  await node.ensureSigningKey()
  alice = await apiToken(node, "alice")
  resource = await protectedProxy(node, "mcp.test")
  client = await registerClient(node)
})

afterAll(async () => {
  await node?.stop()
  await redis?.stop()
})

describe("from registration to revocation", () => {
  let tokens: Tokens

  it("shows consent before login, and no cookie before consent", async () => {
    const who = person(node)
    const codeVerifier = verifier()
    const consent = await who.visit(authorizePath(client, codeVerifier, { resource }))
    expect(consent.status).toBe(200)
    expect(who.cookies.size).toBe(0)
    for (const shown of [
      "Test client",
      "client.example",
      "https://client.example/callback?from=gatehouse",
      resource,
      "mcp:read",
      "mcp:write",
      "unverified",
    ])
      expect(consent.text).toContain(shown)
    const allowed = await who.submit(consent, { decision: "allow" })
    expect(allowed.status).toBe(303)
    expect([...who.cookies.keys()]).toEqual(["__Host-gh_txn"])
    const login = await who.visit(allowed.location!.pathname + allowed.location!.search)
    const done = await who.submit(login, { token: alice })
    expect(done.status).toBe(303)
    expect(done.headers["set-cookie"]![0]).toMatch(
      /^__Host-gh_session=[A-Za-z0-9_-]{43}; Max-Age=604800; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(done.location!.origin + done.location!.pathname).toBe("https://client.example/callback")
    expect([...done.location!.searchParams.keys()]).toEqual(["from", "code", "state", "iss"])
    expect(done.location!.searchParams.get("state")).toBe("the state")
    expect(done.location!.searchParams.get("iss")).toBe("https://auth.localhost:8443")
    const answer = await tokenRequest(node, redemption(client, done.location!.searchParams.get("code")!, codeVerifier))
    expect(answer.status).toBe(200)
    expect(answer.headers["cache-control"]).toBe("no-store")
    expect(answer.headers["access-control-allow-origin"]).toBe("*")
    tokens = answer.json()
    expect(tokens).toMatchObject({ token_type: "Bearer", expires_in: 1800, scope: "mcp:read mcp:write" })
  })

  it("signs access tokens that the key set proves and the guard's check accepts", async () => {
    const keys = (await send(node, "/jwks")).json<{ keys: [] }>()
    const { payload, protectedHeader } = await jwtVerify(tokens.access_token, createLocalJWKSet(keys), {
      issuer: node.issuer,
      audience: resource,
      typ: "at+jwt",
    })
    expect(protectedHeader).toMatchObject({ alg: "ES256", typ: "at+jwt" })
    expect(payload).toMatchObject({
      sub: "local-alice",
      aud: [resource],
      client_id: client.client_id,
      azp: client.client_id,
      scope: "mcp:read mcp:write",
      username: "alice",
      groups: [],
    })
    expect(payload["email"], "an address that nobody verified").toBeUndefined()
    expect(payload.exp! - payload.iat!).toBe(1800)
    expect(Math.abs((payload["auth_time"] as number) - payload.iat!)).toBeLessThan(30)
    const check = accessTokens({ world: () => node.world, now: () => Date.now() })
    expect(check.verify(tokens.access_token, node.issuer)).toMatchObject({ ok: true })
  })

  it("keeps one grant for the authorization, and no secret in log lines", () => {
    const grants = [...all(node.world, "grant")].filter((grant) => grant.client_id === client.client_id)
    expect(grants).toHaveLength(1)
    expect(grants[0]).toMatchObject({ subject: "local-alice", scope: "mcp:read mcp:write", resources: [resource] })
    const lines = node.logLines.join("")
    for (const secret of [alice, tokens.access_token, tokens.refresh_token]) expect(lines).not.toContain(secret)
  })

  it("rotates the refresh token", async () => {
    const answer = await tokenRequest(node, refreshing(client, tokens.refresh_token))
    expect(answer.status).toBe(200)
    const next = answer.json<Tokens>()
    expect(next.refresh_token).not.toBe(tokens.refresh_token)
    expect(next.access_token).not.toBe(tokens.access_token)
    expect(next.scope).toBe("mcp:read mcp:write")
    tokens = next
  })

  it("ends everything with one revocation", async () => {
    const check = accessTokens({ world: () => node.world, now: () => Date.now() })
    const answer = await send(node, "/revoke", { form: { client_id: client.client_id, token: tokens.refresh_token } })
    expect(answer.status).toBe(200)
    expect(check.verify(tokens.access_token, node.issuer)).toEqual({ ok: false, reason: "revoked" })
    const refused = await tokenRequest(node, refreshing(client, tokens.refresh_token))
    expect([refused.status, refused.json()["error"]]).toEqual([400, "invalid_grant"])
  })
})

describe("a signed-in browser", () => {
  it("is not asked again for what it allowed before, and is for anything more", async () => {
    const who = person(node)
    const again = await registerClient(node)
    const path = (extra = {}) => authorizePath(again, verifier(), { resource, scope: "mcp:read", ...extra })
    expect((await approve(node, path(), alice, who)).location?.searchParams.has("code")).toBe(true)
    expect((await who.visit(path())).location?.searchParams.has("code")).toBe(true)
    const more = await who.visit(path({ scope: "mcp:read mcp:write" }))
    expect(more.status).toBe(200)
    expect(more.text).toContain("Signed in as")
    expect((await who.submit(more, { decision: "allow" })).location?.searchParams.has("code")).toBe(true)
    expect((await who.visit(path({ prompt: "consent" }))).status).toBe(200)
    const fresh = await who.submit(await who.visit(path({ prompt: "login" })), { decision: "allow" })
    expect(fresh.location?.pathname).toBe("/login")
    expect((await who.visit(path({ max_age: "60" }))).location?.searchParams.has("code")).toBe(true)
    const old = await who.submit(await who.visit(path({ max_age: "0" })), { decision: "allow" })
    expect(old.location?.pathname, "a sign-in that is older than the client wants").toBe("/login")
  })

  it("answers prompt=none without a page", async () => {
    const other = await registerClient(node)
    const path = authorizePath(other, verifier(), { resource, prompt: "none" })
    expect((await send(node, path)).location?.searchParams.get("error")).toBe("login_required")
    const who = person(node)
    await approve(node, authorizePath(client, verifier(), { resource }), alice, who)
    const asked = await who.visit(path)
    expect(asked.location?.searchParams.get("error")).toBe("consent_required")
    expect(asked.location?.searchParams.get("iss")).toBe(node.issuer)
    await approve(node, authorizePath(other, verifier(), { resource }), alice, who)
    expect((await who.visit(path)).location?.searchParams.has("code")).toBe(true)
  })

  it("is signed out when its API token is deleted", async () => {
    const bob = await apiToken(node, "bob")
    const who = person(node)
    await approve(node, authorizePath(client, verifier(), { resource }), bob, who)
    expect((await who.visit(authorizePath(client, verifier(), { resource }))).status).toBe(303)
    await node.execute("DeleteToken", { name: "bob" })
    const again = await who.visit(authorizePath(client, verifier(), { resource, prompt: "none" }))
    expect(again.location?.searchParams.get("error")).toBe("login_required")
  })
})

describe("many at once", () => {
  it("gives the tokens of a code to exactly one of 20 and then ends its grant", async () => {
    const { code, verifier: codeVerifier } = await codeFor(node, client, alice, { resource })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => tokenRequest(node, redemption(client, code, codeVerifier))),
    )
    const good = answers.filter(({ status }) => status === 200)
    expect(good).toHaveLength(1)
    const errors = answers
      .filter(({ status }) => status !== 200)
      .map((answer) => [answer.status, answer.json()["error"]])
    expect(errors).toEqual(Array.from({ length: 19 }, () => [400, "invalid_grant"]))
    const refused = await tokenRequest(node, refreshing(client, good[0]!.json<Tokens>().refresh_token))
    expect(refused.json()["error"]).toBe("invalid_grant")
  })

  it("gives 20 refreshes with one token the same successor", async () => {
    const { refresh_token } = await tokensFor(node, client, alice, { resource })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => tokenRequest(node, refreshing(client, refresh_token))),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(new Set(answers.map((answer) => answer.json<Tokens>().refresh_token)).size).toBe(1)
  })
})
