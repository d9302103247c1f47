import { type Answer, type OAuthNode, apiToken, oauthNode, protectedProxy, send } from "./oauth-node.ts"
import { type Person, formOf, person } from "./person.ts"
import { type GithubStub, githubStub, json } from "./github-stub.ts"
import { type TestClient, challenge, registerClient } from "./flow.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { ServerResponse } from "node:http"
import { freePort } from "../support/ports.ts"
import { redisOfFile, application, redis, toGithub } from "./github-login.ts"

redisOfFile()

describe("with a GitHub that may fail", () => {
  let node: OAuthNode
  let github: GithubStub
  let client: TestClient
  let resource: string
  let impatience = 10_000

  beforeAll(async () => {
    await redis.command("FLUSHALL")
    github = await githubStub()
    const env = {
      ...application,
      GITHUB_BASE_URL: github.url,
      GITHUB_API_URL: `${github.url}/`,
      OAUTH_ALLOWED_GITHUB_USERS: "octocat",
    }
    node = await oauthNode({
      redisUrl: redis.url,
      env: { ...env, OAUTH_LOCAL_LOGIN: "true" },
      fetch: (url, init) =>
        fetch(url, { ...init, signal: AbortSignal.any([init!.signal!, AbortSignal.timeout(impatience)]) }),
    })
    await node.ensureSigningKey()
    resource = await protectedProxy(node, "mcp.test")
    client = await registerClient(node)
  })

  afterEach(() => {
    github.reset()
    impatience = 10_000
  })

  afterAll(async () => {
    await node?.stop()
    await github?.stop()
  })

  /** From the choice of the provider to GitHub. */
  async function start(who = person(node), path = resource): Promise<{ who: Person; url: URL }> {
    const login = await toGithub(client, who, path)
    const page = await who.visit(login.pathname + login.search)
    expect(page.text).toContain("Sign in with GitHub")
    expect(formOf(page).action).toBe("/login")
    const chosen = await who.visit(/href="(\/login\/github[^"]+)"/.exec(page.text)![1]!)
    return { who, url: chosen.location! }
  }

  const back = (who: Person, url: URL, extra: Record<string, string> = { code: "gh-code" }): Promise<Answer> =>
    who.visit(`/callback?${new URLSearchParams({ state: url.searchParams.get("state")!, ...extra }).toString()}`)

  it("sends state, our own PKCE and the verifier that belongs to it, and asks for no organisations", async () => {
    const { who, url } = await start()
    expect(url.pathname).toBe("/login/oauth/authorize")
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: "gh-id",
      redirect_uri: `${node.issuer}/callback`,
      scope: "read:user user:email",
      code_challenge_method: "S256",
    })
    const done = await back(who, url)
    expect(done.location!.searchParams.has("code"), done.location!.href).toBe(true)
    const { form } = github.seen.find(({ path }) => path === "/login/oauth/access_token")!
    expect(challenge(form.get("code_verifier")!)).toBe(url.searchParams.get("code_challenge"))
    expect(Object.fromEntries(form)).toMatchObject({
      client_id: "gh-id",
      client_secret: "gh-secret",
      code: "gh-code",
      redirect_uri: `${node.issuer}/callback`,
    })
    expect(github.seen.map(({ path }) => path)).toEqual(["/login/oauth/access_token", "/user", "/user/emails"])
    expect(github.seen[1]!.headers.authorization).toBe("Bearer gho_the_token")
    expect(node.logLines.join("")).not.toMatch(/gho_the_token|gh-secret|gh-code/)
  })

  it.each([
    [
      "refuses the code with status 200",
      "/login/oauth/access_token",
      json({ error: "bad_verification_code", error_description: "<b>" }),
      "github_code_refused",
    ],
    ["gives no token", "/login/oauth/access_token", json({}), "github_code_refused"],
    ["answers 401", "/user", json({ message: "Bad credentials" }, 401), "github_unauthorized"],
    ["wants single sign-on", "/user/emails", json({}, 403, { "x-github-sso": "required" }), "github_forbidden"],
    ["limits the rate", "/user", json({}, 403, { "x-ratelimit-remaining": "0" }), "github_rate_limited"],
    ["answers 500", "/user", json({}, 500), "github_unavailable"],
    ["redirects", "/user", json({}, 302, { location: "http://127.0.0.1:1/" }), "github_unavailable"],
    ["has no account number", "/user", json({ login: "octocat" }), "github_malformed"],
    ["sends an account number that is none", "/user", json({ id: "583231", login: "octocat" }), "github_malformed"],
    ["sends no JSON", "/user", (response: ServerResponse) => void response.end("<html>"), "github_malformed"],
    ["cuts the connection", "/user", (response: ServerResponse) => void response.destroy(), "github_unreachable"],
  ])("ends the login without success when it %s", async (_what, path, reply, reason) => {
    const { who, url } = await start()
    github.answer(path, reply)
    const done = await back(who, url)
    expect(done.location!.origin).toBe("https://client.example")
    expect(done.location!.searchParams.get("error")).toBe("server_error")
    expect(done.location!.searchParams.get("error_description")).toContain(reason)
    expect(done.location!.searchParams.get("iss")).toBe(node.issuer)
    expect(who.cookies.has("__Host-gh_session")).toBe(false)
    expect(node.logLines.some((line) => line.includes(reason))).toBe(true)
  })

  it("ends the login when it does not answer", async () => {
    const { who, url } = await start()
    impatience = 200
    github.answer("/user", () => undefined)
    expect((await back(who, url)).location!.searchParams.get("error_description")).toContain("github_timeout")
  })

  it("understands the form-encoded answer that it gives by default", async () => {
    const { who, url } = await start()
    github.answer("/login/oauth/access_token", (response) =>
      response
        .writeHead(200, { "content-type": "application/x-www-form-urlencoded" })
        .end("access_token=gho_form&token_type=bearer"),
    )
    expect((await back(who, url)).location!.searchParams.has("code")).toBe(true)
    expect(github.seen[1]!.headers.authorization).toBe("Bearer gho_form")
  })

  it("takes no address that is not both primary and verified", async () => {
    const strict = await protectedProxy(node, "mail.test", { auth_required_emails: ["*@example.org"] })
    for (const [emails, error] of [
      [
        [
          { email: "a@example.org", primary: true, verified: false },
          { email: "b@example.org", primary: false, verified: true },
        ],
        "access_denied",
      ],
      [[], "access_denied"],
      [[{ email: "a@example.org", primary: true, verified: true }], null],
    ] as const) {
      const { who, url } = await start(person(node), strict)
      github.answer("/user/emails", json(emails))
      expect((await back(who, url)).location!.searchParams.get("error")).toBe(error)
    }
  })

  it("refuses accounts that are not on the list, by login, whatever its case", async () => {
    for (const [login, error] of [
      ["OCTOCAT", null],
      ["octocat2", "access_denied"],
      ["octo", "access_denied"],
      ["*", "access_denied"],
    ] as const) {
      const { who, url } = await start()
      github.answer("/user", json({ id: 1, login }))
      const done = await back(who, url)
      expect(done.location!.searchParams.get("error"), login).toBe(error)
      expect(who.cookies.has("__Host-gh_session")).toBe(error === null)
    }
  })

  it("asks for teams where a rule names one", async () => {
    const teams = await protectedProxy(node, "teams.test", { auth_required_groups: ["acme/dev"] })
    const { who, url } = await start(person(node), teams)
    expect(url.searchParams.get("scope")).toContain("read:org")
    expect((await back(who, url)).location!.searchParams.has("code")).toBe(true)
    expect(github.seen.map(({ path }) => path)).toContain("/user/teams")
    const other = await start(person(node), teams)
    github.answer("/user/teams", json([]))
    expect((await back(other.who, other.url)).location!.searchParams.get("error")).toBe("access_denied")
  })

  it("asks for organisations where a rule about a tool names one", async () => {
    const rules = [{ kind: "tool", match: ["delete_*"], action: "allow", groups: ["acme"] }]
    const ruled = await protectedProxy(node, "tools.test", {}, { mcp_policy: { default: "allow", rules } })
    const { url } = await start(person(node), ruled)
    expect(url.searchParams.get("scope")).toContain("read:org")
  })

  it("passes on that the person refused", async () => {
    const { who, url } = await start()
    const done = await back(who, url, { error: "access_denied", error_description: "The user has denied" })
    expect(done.location!.searchParams.get("error")).toBe("access_denied")
    const { who: next, url: second } = await start()
    expect((await back(next, second, { error: "application_suspended" })).location!.searchParams.get("error")).toBe(
      "server_error",
    )
  })

  it("goes to GitHub in the browser that allowed it, and comes back with one code and one state", async () => {
    const who = person(node)
    const { search } = await toGithub(client, who, resource)
    const stranger = await person(node).visit(`/login/github${search}`)
    expect([stranger.status, stranger.headers.location]).toEqual([400, undefined])
    expect((await who.visit(`/login/github${search}`)).location!.origin).toBe(github.url)
    for (const repeated of ["code=a&code=b", "code=a&iss=b&iss=c", "error=a&error=b"]) {
      const begun = await start()
      const state = begun.url.searchParams.get("state")!
      const done = await begun.who.visit(`/callback?state=${state}&${repeated}`)
      expect(done.location!.searchParams.get("error"), repeated).toBe("invalid_request")
    }
  })

  it("shows a page for a state that is unknown, used, or another browser's", async () => {
    const { who, url } = await start()
    for (const path of [
      "/callback",
      "/callback?state=&code=x",
      "/callback?code=x&state=unknown",
      "/callback?state=__proto__&code=x",
    ]) {
      const answer = await who.visit(path)
      expect([answer.status, answer.headers.location], path).toEqual([400, undefined])
    }
    expect((await back(person(node), url)).status, "without the cookie").toBe(400)
    expect((await back(who, url)).status, "a state is taken by whoever comes first").toBe(400)
    const mixed = await start()
    const stranger = await start()
    expect((await back(stranger.who, mixed.url)).status, "with the cookie of another login").toBe(400)
    const twice = await start()
    expect((await back(twice.who, twice.url)).status).toBe(303)
    expect((await back(twice.who, twice.url)).status).toBe(400)
  })

  it("takes only one of two answers to the same state", async () => {
    const { who, url } = await start()
    const answers = await Promise.all([back(who, url), back(who, url), back(who, url)])
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([303, 400, 400])
  })

  it("lets an API token in as well, where both are switched on", async () => {
    const value = await apiToken(node, "alice")
    const who = person(node)
    const login = await toGithub(client, who, resource)
    const done = await who.submit(await who.visit(login.pathname + login.search), { token: value })
    expect(done.location!.searchParams.has("code")).toBe(true)
  })

  it("is unreachable for a moment: one more attempt when no connection came about", async () => {
    const env = {
      ...application,
      GITHUB_BASE_URL: github.url,
      GITHUB_API_URL: github.url,
      OAUTH_ALLOWED_GITHUB_USERS: "*",
    }
    const nobody = await freePort()
    let failures = 1
    const flaky = await oauthNode({
      redisUrl: redis.url,
      masterKey: node.config.MASTER_KEY,
      decides: false,
      env,
      fetch: (url, init) => fetch(failures-- > 0 ? `http://127.0.0.1:${nobody}/` : url, init),
    })
    try {
      const who = person(flaky)
      const url = await toGithub(client, who, resource)
      expect(flaky.logLines.join("")).toContain("github_login_allows_everybody")
      expect(url.pathname, "straight to the only provider").toBe("/login/oauth/authorize")
      expect((await back(who, url)).location!.searchParams.has("code")).toBe(true)
      expect((await send(flaky, "/login", { form: {}, headers: { origin: flaky.issuer } })).status).toBe(404)
    } finally {
      await flaky.stop()
    }
  })
})
