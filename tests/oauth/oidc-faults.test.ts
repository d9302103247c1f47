import { type Answer, type OAuthNode, apiToken, oauthNode, protectedProxy } from "./oauth-node.ts"
import { person } from "./person.ts"
import { type OidcStub, accessTokenHash, json, oidcStub } from "./oidc-stub.ts"
import {
  type TestClient,
  type Tokens,
  authorizePath,
  challenge,
  redemption,
  refreshing,
  registerClient,
  tokenRequest,
  verifier,
} from "./flow.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { decodeJwt, generateKeyPair } from "jose"
import { redisOfFile, application, redis, toProvider } from "./oidc-login.ts"

redisOfFile()

describe("with a provider that may fail or lie", () => {
  let node: OAuthNode
  let stub: OidcStub
  let client: TestClient
  let resource: string

  beforeAll(async () => {
    await redis.command("FLUSHALL")
    stub = await oidcStub()
    const env = {
      ...application,
      OIDC_ISSUER: stub.issuer,
      OIDC_NAME: "company",
      OIDC_ALLOWED_USERS: "group:staff",
      OAUTH_LOCAL_LOGIN: "true",
    }
    node = await oauthNode({ redisUrl: redis.url, env })
    await node.ensureSigningKey()
    await apiToken(node, "alice")
    resource = await protectedProxy(node, "mcp.test")
    client = await registerClient(node)
  })

  afterEach(() => {
    stub.reset()
    node.clock.offset = 0
  })

  afterAll(async () => {
    await node?.stop()
    await stub?.stop()
  })

  /** Goes to the provider and comes back with a code, or with what a test says. */
  async function login(back: Record<string, string> = { code: "the-code" }, overrides = {}, codeVerifier = verifier()) {
    const who = person(node)
    const sent = await toProvider(client, who, resource, codeVerifier, overrides)
    stub.nonce = sent.searchParams.get("nonce") ?? ""
    const query = new URLSearchParams({ state: sent.searchParams.get("state") ?? "", ...back })
    return { sent, who, query, answer: await who.visit(`/callback?${query.toString()}`) }
  }

  const errorOf = (answer: Answer) => answer.location?.searchParams.get("error") ?? answer.status
  const lastFault = () =>
    /"reason":"(oidc_[a-z_]+)"/.exec(node.logLines.findLast((line) => line.includes("oauth_login_failed")) ?? "")?.[1]

  it("sends state, nonce and PKCE of its own, and takes the answer once, from the same browser", async () => {
    const { sent, who, query, answer } = await login()
    expect(sent.origin + sent.pathname).toBe(`${stub.issuer}/login`)
    expect(Object.fromEntries(sent.searchParams)).toEqual({
      theme: "dark",
      response_type: "code",
      client_id: "gatehouse",
      redirect_uri: `${node.issuer}/callback`,
      scope: "openid profile email",
      state: expect.stringMatching(/^[\w-]{43}$/) as string,
      nonce: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
      code_challenge_method: "S256",
    })
    expect(answer.location?.searchParams.get("code")).not.toBeNull()
    const token = stub.seen.find(({ path }) => path === "/token")!
    expect(token.headers.authorization).toBe(
      `Basic ${Buffer.from("gatehouse:a+secret%3A+with+%26+signs").toString("base64")}`,
    )
    expect(challenge(token.form.get("code_verifier")!)).toBe(sent.searchParams.get("code_challenge"))
    expect((await who.visit(`/callback?${query.toString()}`)).status).toBe(400)
    const second = await toProvider(client, person(node), resource)
    expect((await person(node).visit(`/callback?code=c&state=${second.searchParams.get("state")}`)).status).toBe(400)
  })

  it("takes claims from userinfo, and only groups that are text", async () => {
    const codeVerifier = verifier()
    const { answer } = await login(undefined, {}, codeVerifier)
    const tokens = (
      await tokenRequest(node, redemption(client, answer.location!.searchParams.get("code")!, codeVerifier))
    ).json<Tokens>()
    const claims = decodeJwt(tokens.access_token)
    expect(claims).toMatchObject({
      sub: "oidc-company-Sub|1",
      username: "ann",
      email: "ann@example.org",
      groups: ["staff", "dev"],
    })
    expect((await tokenRequest(node, refreshing(client, tokens.refresh_token))).status).toBe(200)
  })

  it("takes an ID token with a good hash of the access token, and a list of audiences that names the party", async () => {
    stub.claims = { at_hash: accessTokenHash, aud: ["gatehouse", "other"], azp: "gatehouse" }
    expect((await login()).answer.location?.searchParams.get("code")).not.toBeNull()
  })

  it.each([
    ["another issuer", { iss: "https://evil.example" }],
    ["another audience", { aud: "other" }],
    ["another party", { azp: "other" }],
    ["several audiences without a party", { aud: ["gatehouse", "other"] }],
    ["another nonce", { nonce: "x" }],
    ["no nonce", { nonce: undefined }],
    ["an end in the past", { exp: 1_000_000 }],
    ["no end", { exp: undefined }],
    ["another access token's hash", { at_hash: "AAAAAAAAAAAAAAAAAAAAAA" }],
    ["no subject", { sub: undefined }],
    ["a subject with odd characters", { sub: "a\nb" }],
    ["a subject without end", { sub: "x".repeat(256) }],
  ])("refuses an ID token with %s", async (_what, claims) => {
    stub.claims = claims
    expect([errorOf((await login()).answer), lastFault()]).toEqual(["server_error", "oidc_id_token_refused"])
  })

  it("refuses an ID token that is not signed by the provider", async () => {
    const unsigned = (token: string) => `${Buffer.from('{"alg":"none"}').toString("base64url")}.${token.split(".")[1]}.`
    const cases: (() => void)[] = [
      () => (stub.idToken = unsigned),
      () => (stub.idToken = (token) => `${token.slice(0, -4)}AAAA`),
      () => (stub.idToken = () => "not a token"),
      () => {
        stub.key = new TextEncoder().encode(application.OIDC_CLIENT_SECRET)
        stub.header = { alg: "HS256" }
      },
      () => (stub.header = { kid: "unknown" }),
    ]
    for (const arrange of cases) {
      stub.reset()
      arrange()
      expect([errorOf((await login()).answer), lastFault()]).toEqual(["server_error", "oidc_id_token_refused"])
    }
    stub.reset()
    stub.key = (await generateKeyPair("ES256")).privateKey
    expect([errorOf((await login()).answer), lastFault()]).toEqual(["server_error", "oidc_id_token_refused"])
  })

  it.each([
    ["/token", json({ error: "invalid_grant" }, 400), "oidc_code_refused"],
    ["/token", json({}, 502), "oidc_unavailable"],
    ["/token", json({ access_token: "a" }), "oidc_malformed"],
    ["/token", json("text"), "oidc_malformed"],
    ["/userinfo", json({}, 401), "oidc_userinfo_failed"],
    ["/userinfo", json({ sub: "somebody else", groups: ["staff"] }), "oidc_userinfo_mismatch"],
    ["/userinfo", json(null), "oidc_userinfo_mismatch"],
  ] as const)("never takes a failure of %s for a success", async (path, reply, fault) => {
    stub.answer(path, reply)
    expect([errorOf((await login()).answer), lastFault()]).toEqual(["server_error", fault])
  })

  it("tells the application when the person refused, and nothing of other errors' text", async () => {
    expect(errorOf((await login({ error: "access_denied" })).answer)).toBe("access_denied")
    const { answer } = await login({ error: "<script>", error_description: "secret" })
    expect(errorOf(answer)).toBe("server_error")
    expect(decodeURIComponent(answer.location!.href)).not.toMatch(/<script>|secret/)
  })

  it("refuses an answer that says it is of another issuer", async () => {
    expect([errorOf((await login({ code: "c", iss: "https://evil.example" })).answer), lastFault()]).toEqual([
      "server_error",
      "oidc_issuer_mismatch",
    ])
  })

  it("wants a proof of now when the application asked for one", async () => {
    const now = Math.floor(Date.now() / 1000)
    stub.claims = { auth_time: now }
    const fresh = await login(undefined, { prompt: "login" })
    expect(fresh.sent.searchParams.get("prompt")).toBe("login")
    expect(fresh.sent.searchParams.get("max_age")).toBe("0")
    expect(fresh.answer.location?.searchParams.get("code")).not.toBeNull()
    for (const auth_time of [now - 600, undefined, "now"]) {
      stub.claims = { auth_time }
      expect([errorOf((await login(undefined, { prompt: "login" })).answer), lastFault()]).toEqual([
        "server_error",
        "oidc_login_too_old",
      ])
    }
  })

  it("takes no address for verified that is not said to be", async () => {
    for (const email_verified of [false, undefined, "true", 1]) {
      stub.answer("/userinfo", json({ sub: "Sub|1", email: "ann@example.org", email_verified, groups: ["staff"] }))
      const codeVerifier = verifier()
      const { answer } = await login(undefined, {}, codeVerifier)
      const code = answer.location!.searchParams.get("code")!
      const tokens = (await tokenRequest(node, redemption(client, code, codeVerifier))).json<Tokens>()
      expect(decodeJwt(tokens.access_token)["email"]).toBeUndefined()
    }
  })

  it("lets nobody in whom the list does not name", async () => {
    stub.answer("/userinfo", json({ sub: "Sub|1", groups: ["visitors"] }))
    expect(errorOf((await login()).answer)).toBe("access_denied")
  })

  it("offers a choice, with the provider in the page's policy", async () => {
    const who = person(node)
    const consent = await who.visit(authorizePath(client, verifier(), { resource }))
    expect(consent.text).toContain("Sign in with company (openid profile email) or Sign in with an API token")
    expect(consent.headers["content-security-policy"]).toContain(
      `form-action 'self' ${stub.issuer} https://client.example`,
    )
    const allowed = await who.submit(consent, { decision: "allow" })
    const login = await who.visit(allowed.location!.pathname + allowed.location!.search)
    expect(login.text).toContain("Sign in with company")
    expect(login.text).toContain("API token")
  })
})
