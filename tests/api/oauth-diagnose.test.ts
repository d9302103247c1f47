import { api, eventually } from "../support/gatehouse.ts"
import { beforeAll, describe, expect, it } from "vitest"
import { run } from "../../src/cli/run.ts"
import {
  oauthInstallation,
  type Json,
  redis,
  node,
  alice,
  bob,
  login,
  url,
  read,
  signIn,
  call,
} from "./oauth-installation.ts"

oauthInstallation()

beforeAll(signIn)

describe("the connector check", () => {
  const examine = async (body: object, token = node.adminToken) =>
    api<Json>(node.apiPort, token, "POST", "/api/v1/oauth/diagnose", body)
  const steps = ({ body }: { body: Json }) =>
    Object.fromEntries(body["steps"].map((one: Json) => [one["step"], one["status"]]))

  it("finds nothing wrong with a host of ours, and takes its client back", async () => {
    const total = (await read("listOAuthClients", "clients?active_only=false"))["pagination"].total
    const found = await examine({ url: url(), token: login.tokens()!.access_token })
    expect(found.status).toBe(200)
    expect(found.body, JSON.stringify(found.body, null, 1)).toMatchObject({ ok: true, broken: null })
    expect(new Set(Object.values(steps(found)))).toEqual(new Set(["ok"]))
    expect((await read("listOAuthClients", "clients?active_only=false"))["pagination"].total).toBe(total)
    expect(steps(await examine({ url: "mcp.test" }, alice))).toMatchObject({ call: "skipped", authorization: "ok" })
  })

  it("says why a token does not fit", async () => {
    const other = await examine({
      url: `https://other.test:${node.httpsPort}/mcp`,
      token: login.tokens()!.access_token,
    })
    expect(other.body["broken"]).toMatchObject({
      step: "call",
      words: expect.stringContaining(`it is for "${url()}", not for https://other.test`),
    })
    expect(node.log()).not.toContain(login.tokens()!.access_token)
  })

  it("is for a proxy's owner, and for administrators anywhere", async () => {
    expect((await examine({ url: url() }, bob)).status).toBe(403)
    expect((await examine({ url: "https://unknown.test/mcp" }, bob)).status).toBe(404)
    expect((await examine({ url: "https://no-such-host.invalid/mcp" })).body["broken"]).toMatchObject({
      step: "connection",
    })
    expect((await examine({ url: "http://169.254.169.254/latest" })).body["broken"]).toMatchObject({
      step: "connection",
    })
    expect((await examine({ url: `https://nowhere.test:${node.httpsPort}/mcp` })).body["broken"]).toMatchObject({
      step: "connection",
    })
  })

  it("tells what is wrong when the backend is down, and when the host is open", async () => {
    await node.api("POST", "/api/v1/proxy/targets", {
      hostname: "down.test",
      target_url: "http://127.0.0.1:9",
      enable_https: true,
    })
    await eventually(
      "a certificate for it",
      async () => (await examine({ url: "down.test" })).body["broken"]?.step !== "connection",
    )
    expect((await examine({ url: "down.test" })).body["broken"]).toEqual({
      step: "challenge",
      words: "A call without a token is answered 502, not 401: the server, or the backend behind it, is not working.",
    })
    await node.api("DELETE", "/api/v1/proxy/targets/other.test/auth")
    expect(steps(await examine({ url: "other.test" }))).toMatchObject({
      challenge: "ok",
      registration: "skipped",
      call: "ok",
    })
  })
})

describe("the recipes", () => {
  async function just(...argv: string[]) {
    let [out, err] = ["", ""]
    const code = await run(argv, {
      env: { API_PORT: String(node.apiPort), HTTPS_PORT: String(node.httpsPort), ADMIN_TOKEN: node.adminToken },
      interactiveInput: false,
      interactiveOutput: false,
      write: (text) => void (out += text),
      error: (text) => void (err += text),
      ask: () => Promise.reject(new Error("nobody is there")),
    })
    return { code, out, err, json: () => JSON.parse(out) as Json }
  }

  it("go the whole way of a client and print its tokens", async () => {
    const done = await just("oauth-test-tokens", url())
    expect(done.code, done.err).toBe(0)
    const tokens = done.json()
    expect(tokens).toMatchObject({
      resource: url(),
      scope: "mcp:read mcp:write",
      claims: { aud: [url()], sub: "local-ADMIN" },
    })
    expect((await call(tokens["access_token"])).status).toBe(200)
    const { jti, sid } = tokens["claims"]
    expect((await just("oauth-token-show", jti)).json()).toMatchObject({ user: "ADMIN", status: "active" })
    expect((await just("oauth-session-show", sid)).json()).toMatchObject({ kind: "grant", user: "ADMIN" })
    expect((await just("oauth-session-revoke", sid)).code).toBe(3)
    expect((await just("oauth-session-revoke", sid, "--yes")).code).toBe(0)
    expect((await call(tokens["access_token"])).status).toBe(401)
    expect(await just("oauth-session-show", sid)).toMatchObject({ code: 1, err: expect.stringContaining("not_found") })
  })

  it("register a client", async () => {
    const registered = await just("oauth-client-register", "By hand", "http://localhost:9999/cb")
    expect(registered.code, registered.err).toBe(0)
    const { client_id, client_secret } = registered.json()
    expect(client_secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect((await just("oauth-client-show", client_id)).json()).toMatchObject({
      client_name: "By hand",
      metadata: { redirect_uris: ["http://localhost:9999/cb"], scope: "mcp:read mcp:write" },
    })
    expect((await just("oauth-client-tokens", client_id)).json()).toMatchObject({ tokens: [] })
    expect((await just("oauth-client-stats", client_id)).json()).toMatchObject({ issued: 0 })
    expect(await just("oauth-client-register", "Wrong", "http://far.example/cb")).toMatchObject({
      code: 1,
      err: expect.stringContaining("invalid_redirect_uri"),
    })
  })

  it("show, verify, clean up, and name what is broken", async () => {
    for (const name of [
      "oauth-tokens-stats",
      "oauth-metrics",
      "oauth-health",
      "oauth-clients-list",
      "oauth-sessions-list",
      "oauth-proxy-status",
    ])
      expect(await just(name), name).toMatchObject({ code: 0, err: "" })
    expect((await just("oauth-proxy-status", "mcp.test")).json()).toMatchObject({
      hostname: "mcp.test",
      sessions: [{ user: "alice" }],
    })
    expect((await just("oauth-routes-setup", "localhost")).json()).toMatchObject({
      success: true,
      status: { is_complete: true },
    })
    expect((await just("oauth-tokens-cleanup", "--yes")).json()).toMatchObject({ dry_run: false })
    expect((await just("mcp-doctor", url())).json()).toMatchObject({ ok: true })
    expect(await just("mcp-doctor", "down.test", "--output", "table")).toMatchObject({
      code: 1,
      out: expect.stringMatching(/challenge +failed +A call without a token is answered 502/),
      err: expect.stringContaining("broken: challenge:"),
    })
  })
})

describe("while Redis is away", () => {
  it("what stands in the log is shown, and what cannot be known is null", async () => {
    redis.pause()
    try {
      const metrics = await read("getOAuthMetrics", "metrics")
      expect(metrics).toMatchObject({
        clients: { total: 3 },
        tokens: {
          access: { total: null, active: null, issued_last_hour: null },
          refresh: { total: null, active: null },
        },
        auth_flows: { token_requests: { last_hour: null, success_rate: null } },
        errors: null,
      })
      expect((await read("listOAuthSessions", "sessions?kind=grant"))["sessions"]).toMatchObject([
        { user: "alice", active_tokens: null, accessed_proxies: null },
      ])
      expect(await read("getOAuthHealth", "health")).toMatchObject({
        status: "unhealthy",
        checks: {
          redis_connection: { status: "unhealthy" },
          jwks_endpoint: { status: "healthy" },
          token_validation: { status: "healthy" },
        },
      })
    } finally {
      redis.resume()
    }
  })
})
