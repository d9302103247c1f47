import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Visitor, type WebHost, webHost } from "./web-host.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { signAs, claimsIn } from "./cookie-token.ts"

let redis: RedisServer
let web: WebHost
let who: Visitor
let cookie: string
const app = "https://app.localhost:8443"

beforeAll(async () => {
  redis = await redisServer()
  web = await webHost(redis.url)
  await web.host("app.localhost")
  await web.host("other.localhost", { auth_required_users: ["bob"] })
  await web.host("named.localhost", { auth_cookie_name: "wiki" })
  await web.node.execute("SetProxyMcp", { hostname: "app.localhost", mcp: {} })
  who = web.visitor()
  await who.signIn(`${app}/`, web.alice)
  cookie = `__Host-gh_access=${who.jar("app.localhost").get("__Host-gh_access")}`
})

afterAll(async () => {
  await web?.stop()
  await redis?.stop()
})

/** As another proxy asks: with an API token of its own, and the original request's headers. */
const ask = (headers: Record<string, string>, token: string | undefined = web.bob) =>
  web.send("https://auth.localhost:8443/verify", {
    headers: { ...(token !== "" && { "x-gatehouse-token": token }), ...headers },
  })
const status = async (headers: Record<string, string>, token?: string) => (await ask(headers, token)).status
const forApp = { "x-forwarded-host": "app.localhost", "x-forwarded-uri": "/x?y" }

describe("forward authentication with a browser's cookie", () => {
  it("says who is signed in", async () => {
    const answer = await ask({ cookie, ...forApp })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({
      sub: "local-alice",
      username: "alice",
      client_id: null,
      aud: [app],
    })
    expect(answer.headers).toMatchObject({ "x-auth-user-id": "local-alice", "cache-control": "no-store" })
    expect(answer.headers).not.toHaveProperty("x-auth-client-id")
  })

  it("says it in headers that read one way, whatever somebody is called", async () => {
    const claims = claimsIn(cookie.slice("__Host-gh_access=".length))
    const odd = { groups: ["a,b", "c d", "%2C", "ü\r\nX-Auth-Scopes: all"], name: "x", email: "a b@example.org" }
    const signed = `__Host-gh_access=${await signAs(web.node, { ...claims, ...odd })}`
    const { headers } = await ask({ cookie: signed, ...forApp })
    expect(headers).toMatchObject({
      "x-auth-user-email": "a%20b@example.org",
      "x-auth-user-groups": "a%2Cb,c%20d,%252C,%C3%BC%0D%0AX-Auth-Scopes:%20all",
    })
    expect(headers).not.toHaveProperty("x-auth-scopes")
  })

  it("is for the one host that the cookie is for, and by that host's rule", async () => {
    expect(await status({ cookie, "x-forwarded-host": "other.localhost" })).toBe(401)
    expect(await status({ cookie, "x-original-url": "https://other.localhost:8443/" })).toBe(401)
    const claims = { ...claimsIn(cookie.slice("__Host-gh_access=".length)), aud: "https://other.localhost:8443" }
    const elsewhere = `__Host-gh_access=${await signAs(web.node, claims)}`
    expect(await status({ cookie: elsewhere, "x-forwarded-host": "other.localhost" })).toBe(403)
    expect(await status({ cookie, "x-forwarded-host": "named.localhost" })).toBe(401)
  })

  it("believes nobody but a holder of an API token about the original request: then the answer covers the cookie alone", async () => {
    for (const token of ["", "acm_wrong", who.jar("auth.localhost").get("__Host-gh_session")!]) {
      expect(await status({ cookie, "x-forwarded-host": "other.localhost" }, token)).toBe(200)
      expect(await status({ cookie }, token)).toBe(200)
    }
  })

  it("does not take it at the MCP endpoint, from another origin, or beside a token", async () => {
    for (const spelled of ["/mcp", "/MCP", "/mcp/", "/mcp;a=b", "//mcp", "/%6Dcp"])
      expect(await status({ cookie, ...forApp, "x-forwarded-uri": spelled }), spelled).toBe(401)
    expect(await status({ cookie, "x-forwarded-host": "app.localhost" }), "which path is not told").toBe(401)
    const post = { cookie, ...forApp, "x-forwarded-method": "POST" }
    expect(await status(post)).toBe(403)
    expect(await status({ ...post, origin: "https://evil.example" })).toBe(403)
    expect(await status({ ...post, origin: app })).toBe(200)
    expect(await status({ cookie, ...forApp, upgrade: "websocket", origin: "https://evil.example" })).toBe(403)
    expect(await status({ cookie, ...forApp, authorization: "Bearer x.y.z" })).toBe(401)
    expect(await status({ cookie: "__Host-gh_access=x", ...forApp })).toBe(401)
  })

  it("ends with the session", async () => {
    const { sid, sub } = claimsIn(cookie.slice("__Host-gh_access=".length))
    const expires_at = new Date(Date.now() + 86_400_000).toISOString()
    await web.node.execute("EndBrowserSession", { session_id: sid, subject: sub, expires_at, reason: "admin" })
    expect(await status({ cookie, ...forApp })).toBe(401)
  })
})

describe("the address of a client", () => {
  it("is the one that a trusted proxy reports: failed logins of one person do not shut out the next", async () => {
    const trusting = await webHost(redis.url, web.node.config.MASTER_KEY, false, { TRUSTED_PROXIES: "127.0.0.1" })
    const account = "https://auth.localhost:8443/account"
    const attempt = async (address: string) => {
      const guest = trusting.visitor({ "x-forwarded-for": address })
      const form = (await guest.follow(account)).at(-1)!
      return (await guest.submit(form, { token: "wrong" })).status
    }
    for (let times = 0; times < 10; times += 1) expect(await attempt("192.0.2.1")).toBe(403)
    expect(await attempt("192.0.2.1")).toBe(429)
    expect(await attempt("198.51.100.1")).toBe(403)
    await trusting.stop()
  })
})
