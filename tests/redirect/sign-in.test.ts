import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type WebHost, webHost } from "./web-host.ts"
import { decodeJwt, decodeProtectedHeader } from "jose"

let redis: RedisServer
let web: WebHost
const app = "https://app.localhost:8443"

beforeAll(async () => {
  redis = await redisServer()
  web = await webHost(redis.url)
  await web.host("app.localhost")
})

afterAll(async () => {
  await web?.stop()
  await redis?.stop()
})

describe("a web application in redirect mode", () => {
  it("sends a navigation to the login and, when the person has signed in, back to where it was", async () => {
    const who = web.visitor()
    const way = await who.signIn(`${app}/reports/7?year=2026&q=a%20b`, web.alice)
    expect(way.map(({ status, url }) => [status, url.origin + url.pathname])).toEqual([
      [302, `${app}/reports/7`],
      [303, "https://auth.localhost:8443/login"],
      [200, "https://auth.localhost:8443/login"],
      [303, "https://auth.localhost:8443/login"],
      [303, "https://auth.localhost:8443/login"],
      [303, `${app}/.gatehouse/session`],
      [200, `${app}/reports/7`],
    ])
    expect(way.at(-1)!.url.search).toBe("?year=2026&q=a%20b")
    expect(way.at(-1)!.text).toContain("the application")
    for (const page of way.slice(0, -1)) {
      expect(page.headers["cache-control"], page.url.href).toBe("no-store")
      expect(page.headers["referrer-policy"], page.url.href).toBe("no-referrer")
    }
    expect(way[0]!.headers["set-cookie"]).toEqual([
      expect.stringMatching(
        /^__Host-gh_login=[A-Za-z0-9_-]{43}; Max-Age=300; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
      ),
    ])
    expect(way[5]!.headers["set-cookie"]).toEqual([
      expect.stringMatching(/^__Host-gh_access=[^;]+; Max-Age=900; Path=\/; Secure; HttpOnly; SameSite=Lax$/),
      "__Host-gh_login=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax",
    ])
    expect(web.reached.at(-1)!.headers).toMatchObject({ "x-auth-user-id": "local-alice", "x-auth-user-name": "alice" })
    expect(web.reached.at(-1)!.headers).not.toHaveProperty("x-auth-client-id")
  })

  it("gives a token of a type of its own, for this host alone, and nothing of the session's secret", async () => {
    const who = web.visitor()
    await who.signIn(`${app}/`, web.alice)
    const cookie = who.jar("app.localhost").get("__Host-gh_access")!
    expect(decodeProtectedHeader(cookie).typ).toBe("gatehouse-session+jwt")
    const claims = decodeJwt(cookie)
    expect(claims).toMatchObject({ iss: "https://auth.localhost:8443", aud: app, sub: "local-alice", groups: [] })
    expect(claims.exp! - claims.iat!).toBe(900)
    expect(JSON.stringify(claims)).not.toContain(who.jar("auth.localhost").get("__Host-gh_session")!)
  })

  it("asks nothing of somebody who is signed in already", async () => {
    const who = web.visitor()
    await who.signIn(`${app}/`, web.alice)
    await web.host("second.localhost")
    const way = await who.follow("https://second.localhost:8443/x")
    expect(way.map(({ status }) => status)).toEqual([302, 303, 303, 200])
  })

  it("keeps its own cookie from the application, and the application's cookies as they are", async () => {
    const who = web.visitor()
    await who.signIn(`${app}/`, web.alice)
    who.jar("app.localhost").set("theirs", "1")
    who.jar("app.localhost").set("__Host-gh_other", "2")
    who.jar("app.localhost").set("more", "a=b")
    await who.open(`${app}/`)
    expect(web.reached.at(-1)!.headers.cookie).toBe("theirs=1; more=a=b")
  })
})
