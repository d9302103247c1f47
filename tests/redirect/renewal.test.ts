import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Page, type Visitor, type WebHost, webHost } from "./web-host.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { claimsIn, signAs } from "./cookie-token.ts"

let redis: RedisServer
let web: WebHost
const app = "https://app.localhost:8443"
const name = "__Host-gh_access"

beforeAll(async () => {
  redis = await redisServer()
  web = await webHost(redis.url)
  await web.host("app.localhost")
})

afterEach(() => {
  web.node.clock.offset = 0
  web.answerWith({})
})

afterAll(async () => {
  redis?.resume()
  await web?.stop()
  await redis?.stop()
})

async function signedIn(token = web.alice): Promise<Visitor> {
  const who = web.visitor()
  await who.signIn(`${app}/`, token)
  return who
}

const cookieOf = (who: Visitor) => who.jar("app.localhost").get(name)!
const renewed = (page: Page) => (page.headers["set-cookie"] ?? []).filter((line) => line.startsWith(`${name}=`))

describe("a host's cookie", () => {
  it("is left alone until its last third", async () => {
    const who = await signedIn()
    web.node.clock.offset = 590_000
    expect(renewed(await who.open(`${app}/`))).toEqual([])
  })

  it("is renewed in its last third by any request, and so lasts as long as it is used", async () => {
    const who = await signedIn()
    const first = claimsIn(cookieOf(who))
    web.answerWith({ "set-cookie": ["theirs=1"], "cache-control": "public, max-age=60", expires: "0" })
    web.node.clock.offset = 650_000
    const page = await who.open(`${app}/api`, { method: "POST", form: { a: "b" }, headers: { origin: app } })
    expect(page.status).toBe(200)
    expect(renewed(page)).toHaveLength(1)
    expect(renewed(page)[0]).toMatch(/; Max-Age=900; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
    expect(page.headers["set-cookie"]).toContain("theirs=1")
    // No cache on the way may give this answer to somebody else.
    expect(page.headers["cache-control"]).toBe("no-store")
    expect(page.headers).not.toHaveProperty("expires")
    const second = claimsIn(cookieOf(who))
    expect(second.exp - first.exp).toBeGreaterThanOrEqual(649)
    expect([second.sid, second.sub, second.aud]).toEqual([first.sid, first.sub, first.aud])
    web.node.clock.offset = 1_500_000
    expect((await who.open(`${app}/`)).status).toBe(200)
    web.node.clock.offset = 8 * 3_600_000 + 1000
    expect((await who.follow(`${app}/`)).at(-1)!.status, "the session was used").toBe(200)
  })

  it("is renewed once for requests that come together", async () => {
    const who = await signedIn()
    web.node.clock.offset = 650_000
    const headers = { cookie: `${name}=${cookieOf(who)}` }
    const pages = await Promise.all(Array.from({ length: 20 }, () => web.send(`${app}/`, { headers })))
    expect(pages.every(({ status }) => status === 200)).toBe(true)
    expect(new Set(pages.flatMap(renewed)).size).toBe(1)
    expect(pages.flatMap(renewed).length).toBe(20)
  })

  it("is not renewed when the session is gone, and is then good to its end", async () => {
    const who = await signedIn()
    const keys = await redis.command("SCAN 0 MATCH {gho}:session:* COUNT 10000")
    for (const [key] of keys.matchAll(/\{gho\}:session:[0-9a-f]+/g)) await redis.command(`DEL ${key}`)
    web.node.clock.offset = 650_000
    const page = await who.open(`${app}/`)
    expect([page.status, renewed(page)]).toEqual([200, []])
    web.node.clock.offset = 890_000
    expect((await who.open(`${app}/`)).status).toBe(200)
    web.node.clock.offset = 901_000
    expect((await who.follow(`${app}/`)).at(-1)!.url.pathname).toBe("/login")
  })

  it("is not renewed for somebody whom the rule refuses by now", async () => {
    const who = await signedIn(web.bob)
    const headers = { cookie: `${name}=${cookieOf(who)}` }
    await web.host("app.localhost", { auth_required_users: ["alice"] })
    web.node.clock.offset = 650_000
    const page = await web.send(`${app}/`, { headers })
    expect([page.status, renewed(page)]).toEqual([403, []])
    await web.host("app.localhost")
  })

  it.each([
    ["the allow-list of their provider", { provider: "github" }],
    ["the rule, by what the session knows of them by now", { provider: "issuer", username: "left" }],
    ["nothing, but the session is another's", { subject: "local-bob" }],
  ])("is not renewed for somebody who is refused by %s", async (_what, change) => {
    await web.host("app.localhost", { auth_required_users: ["alice"] })
    const who = await signedIn()
    const { ses } = claimsIn(cookieOf(who))
    const session = (await web.node.ttl.peek("session", ses)) as { user: object }
    const renews = async (user: object) => {
      await web.node.ttl.put(
        "session",
        ses,
        { ...session, credential: null, user: { ...session.user, ...user } },
        3_600_000,
      )
      web.node.clock.offset = 650_000
      const page = await web.send(`${app}/`, { headers: { cookie: `${name}=${cookieOf(who)}` } })
      expect(page.status).toBe(200)
      return renewed(page).length
    }
    expect(await renews(change)).toBe(0)
    await web.host("app.localhost")
  })

  it("is renewed for others although somebody's would be too large", async () => {
    const many = Array.from({ length: 80 }, (_, at) => `group-${at}-${"x".repeat(40)}`)
    const claims = claimsIn(cookieOf(await signedIn(web.bob)))
    const session = (await web.node.ttl.peek("session", claims.ses)) as { user: object }
    await web.node.ttl.put("session", claims.ses, { ...session, user: { ...session.user, groups: many } }, 3_600_000)
    const large = await signAs(web.node, { ...claims, groups: many.slice(0, 1) })
    const alice = await signedIn()
    await web.host("app.localhost", { auth_required_groups: [...many, "admins"] })
    web.node.clock.offset = 650_000
    const page = await web.send(`${app}/`, { headers: { cookie: `${name}=${large}` } })
    expect([page.status, renewed(page)]).toEqual([200, []])
    await web.host("app.localhost")
    expect(renewed(await alice.open(`${app}/`))).toHaveLength(1)
  })

  it.each([
    ["frozen", async () => redis.pause(), async () => redis.resume()],
    ["killed", () => redis.kill(), () => redis.restart()],
  ])("goes on opening its host to its end while Redis is %s", async (_how, away, back) => {
    const who = await signedIn()
    await away()
    try {
      expect((await who.open(`${app}/`)).status).toBe(200)
      web.node.clock.offset = 650_000
      const page = await who.open(`${app}/`)
      expect([page.status, renewed(page)]).toEqual([200, []])
      expect((await who.open(`${app}/`)).status).toBe(200)
      web.node.clock.offset = 901_000
      const sent = await who.open(`${app}/`)
      expect(sent.status).toBe(302)
      const login = await who.open(sent.location!)
      expect([login.status, login.headers["retry-after"]]).toEqual([503, "2"])
      const back = await who.open(`${app}/.gatehouse/session?ticket=x`)
      expect(back.status).toBe(503)
    } finally {
      await back()
    }
    for (let tries = 0; tries < 100; tries += 1) {
      web.node.clock.offset = 650_000 + 11_000 * (tries + 1)
      if ((await who.follow(`${app}/`)).at(-1)!.status === 200) return
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error("did not come back")
  })
})
