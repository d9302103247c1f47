import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Visitor, type WebHost, webHost } from "./web-host.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import WebSocket from "ws"
import { claimsIn } from "./cookie-token.ts"
import { once } from "node:events"
import { request } from "node:https"
import { eventually } from "../support/gatehouse.ts"
import { until } from "../support/until.ts"

let redis: RedisServer
let web: WebHost
let second: WebHost
const app = "https://app.localhost:8443"
const other = "https://other.localhost:8443"
const auth = "https://auth.localhost:8443"
const name = "__Host-gh_access"

beforeAll(async () => {
  redis = await redisServer()
  web = await webHost(redis.url)
  await web.host("app.localhost")
  await web.host("other.localhost")
  second = await webHost(redis.url, web.node.config.MASTER_KEY, false)
})

afterAll(async () => {
  await second?.stop()
  await web?.stop()
  await redis?.stop()
})

async function signedIn(): Promise<Visitor> {
  const who = web.visitor()
  await who.signIn(`${app}/`, web.alice)
  await who.signIn(`${other}/`, web.alice)
  return who
}

const cookieOf = (who: Visitor, host = "app.localhost") => `${name}=${who.jar(host).get(name)}`
const statusOn = async (node: WebHost, place: string, cookie: string) =>
  (await node.send(place, { headers: { cookie } })).status

describe("signing out", () => {
  it("of a host removes its cookie and asks about the session, whose end is the end on every host and node", async () => {
    const who = await signedIn()
    const [onApp, onOther] = [cookieOf(who), cookieOf(who, "other.localhost")]
    const asked = await who.open(`${app}/.gatehouse/logout`)
    expect(asked.status).toBe(200)
    const sent = await who.submit(asked)
    expect(sent.headers["set-cookie"]).toEqual([`${name}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax`])
    expect(sent.location!.href).toBe(`${auth}/logout?return_url=${encodeURIComponent(`${app}/`)}`)
    expect(await statusOn(web, `${other}/`, onOther), "nothing was ended yet").toBe(200)
    const question = await who.open(sent.location!)
    expect(question.headers["content-security-policy"]).toContain(`form-action 'self' ${app}`)
    const done = await who.submit(question)
    expect([done.status, done.location?.href]).toEqual([303, `${app}/`])
    for (const node of [web, second]) {
      await eventually("the cookie is void", async () => (await statusOn(node, `${app}/`, onApp)) === 401)
      expect(await statusOn(node, `${other}/`, onOther)).toBe(401)
    }
    expect((await who.follow(`${app}/`)).at(-1)!.url.pathname).toBe("/login")
  })

  it("takes its form from its own page alone, and only with what that page was given", async () => {
    const who = await signedIn()
    const csrf = /name="csrf" value="([^"]+)"/.exec((await who.open(`${auth}/logout`)).text)![1]!
    const foreign = /name="csrf" value="([^"]+)"/.exec((await (await signedIn()).open(`${auth}/logout`)).text)![1]!
    for (const [form, headers] of [
      [{ csrf }, { origin: "https://evil.example" }],
      [{ csrf }, { origin: "null", "sec-fetch-site": "cross-site" }],
      [{ csrf }, {}],
      [{}, { origin: auth }],
      [{ csrf: foreign }, { origin: auth }],
    ] as const)
      expect((await who.open(`${auth}/logout`, { method: "POST", form, headers })).status).toBe(403)
    expect(await statusOn(web, `${app}/`, cookieOf(who))).toBe(200)
    const own = { method: "POST", form: { csrf }, headers: { origin: auth } }
    expect((await who.open(`${auth}/logout`, own)).status).toBe(200)
    expect(await statusOn(web, `${app}/`, cookieOf(who))).toBe(401)
  })

  it("can be done by an administrator, on every node", async () => {
    const who = await signedIn()
    const { sid, sub } = claimsIn(who.jar("app.localhost").get(name)!)
    const expires_at = new Date(Date.now() + 86_400_000).toISOString()
    await web.node.execute("EndBrowserSession", { session_id: sid, subject: sub, expires_at, reason: "admin" })
    for (const node of [web, second])
      await eventually("void", async () => (await statusOn(node, `${app}/`, cookieOf(who))) === 401)
    expect((await who.follow(`${app}/`)).at(-1)!.url.pathname).toBe("/login")
  })

  it("of a host needs a page of that host", async () => {
    const who = await signedIn()
    for (const headers of [
      {},
      { origin: "https://evil.example" },
      { origin: other, "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "cross-site" },
    ]) {
      const page = await who.open(`${app}/.gatehouse/logout`, { method: "POST", headers: { ...headers } })
      expect([page.status, page.headers["set-cookie"]]).toEqual([403, undefined])
    }
    expect((await who.open(`${app}/`)).status).toBe(200)
  })

  it.each(["https://evil.example/", "/", "//evil.example", `${app}@evil.example/`, `${app}/.gatehouse/logout`])(
    "does not lead to %s",
    async (place) => {
      const who = await signedIn()
      const page = await who.open(`${auth}/logout?return_url=${encodeURIComponent(place)}`)
      expect([page.status, page.location]).toEqual([400, undefined])
      const question = await who.open(`${auth}/logout`)
      const posted = await who.submit(question, { return_url: place })
      expect([posted.status, posted.location]).toEqual([400, undefined])
      expect((await who.open(`${app}/`)).status, "and ends nothing").toBe(200)
    },
  )

  it("goes back without a question when nobody is signed in", async () => {
    const page = await web.visitor().open(`${auth}/logout?return_url=${encodeURIComponent(`${app}/x`)}`)
    expect(page.status).toBe(200)
    expect(page.text).toContain(`href="${app}/x"`)
  })

  it("covers cookies that hosts set before the person proved themselves once more", async () => {
    const who = await signedIn()
    const before = cookieOf(who)
    const login = `${auth}/login?${new URLSearchParams({ return_url: `${auth}/account`, prompt: "login" }).toString()}`
    const form = await who.follow(login)
    await who.submit(form.at(-1)!, { token: web.alice })
    expect(await statusOn(web, `${app}/`, before)).toBe(200)
    await who.submit(await who.open(`${auth}/logout`))
    expect(await statusOn(web, `${app}/`, before)).toBe(401)
  })
})

describe("several nodes", () => {
  it("share a sign-in: begun on one, proven on another, finished on the first, used on both", async () => {
    const who = web.visitor()
    await who.signIn(`${auth}/account`, web.alice)
    const cookies = (host: string) => [...who.jar(host)].map(([key, value]) => `${key}=${value}`).join("; ")
    const begun = await who.open(`${app}/start`)
    const proven = await second.send(begun.location!.href, { headers: { cookie: cookies("auth.localhost") } })
    expect([proven.status, proven.location?.pathname]).toEqual([303, "/.gatehouse/session"])
    const arrived = await who.open(proven.location!)
    expect([arrived.status, arrived.location?.href]).toEqual([303, `${app}/start`])
    const headers = { cookie: cookies("app.localhost") }
    for (const node of [web, second]) expect((await node.send(`${app}/start`, { headers })).status).toBe(200)
    expect((await second.send(proven.location!.href, { headers })).status, "the ticket is used up").toBe(400)
  })
})

describe("what is open when a session ends", () => {
  const socket = (node: WebHost, cookie: string, origin: string | undefined) =>
    new WebSocket(`wss://127.0.0.1:${node.edge.httpsPort}/socket`, {
      headers: { Host: "app.localhost:8443", Cookie: cookie },
      ...(origin !== undefined && { origin }),
      ...({ servername: "app.localhost" } as object),
      rejectUnauthorized: false,
    })

  it("a WebSocket is for pages of the host alone", async () => {
    const cookie = cookieOf(await signedIn())
    for (const origin of [undefined, "https://evil.example", other, "null", "https://app.localhost"]) {
      const refused = socket(web, cookie, origin)
      refused.on("error", () => undefined)
      const [, answer] = (await once(refused, "unexpected-response")) as [unknown, { statusCode: number }]
      expect([origin, answer.statusCode]).toEqual([origin, 403])
    }
    const open = socket(web, cookie, app)
    await once(open, "open")
    open.send("hello")
    const [echoed] = (await once(open, "message")) as [Buffer]
    expect(echoed.toString()).toBe("hello")
    open.close()
  })

  it("WebSockets and event streams of that session close on every node, others stay", async () => {
    const [who, stays] = [await signedIn(), await signedIn()]
    const sockets = [
      socket(web, cookieOf(who), app),
      socket(second, cookieOf(who), app),
      socket(web, cookieOf(stays), app),
    ]
    await Promise.all(sockets.map((one) => once(one, "open")))
    const closed = sockets.map((one) => once(one, "close"))
    let streamEnded = false
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: web.edge.httpsPort,
        servername: "app.localhost",
        rejectUnauthorized: false,
        path: "/events",
        headers: { host: "app.localhost:8443", cookie: cookieOf(who) },
      },
      (answer) => answer.on("data", () => undefined).on("end", () => (streamEnded = true)),
    )
    outgoing.end()
    await once(outgoing, "response")
    await who.submit(await who.open(`${auth}/logout`))
    await Promise.all([closed[0], closed[1]])
    await until(() => streamEnded)
    expect(sockets[2]!.readyState).toBe(WebSocket.OPEN)
    sockets[2]!.close()
  })

  it.each([
    ["takes no cookies any more", { auth_mode: "forward" }],
    ["is for others now", { auth_required_users: ["bob"] }],
  ])("WebSockets of a host close when it %s, and not when everybody may pass", async (_what, auth) => {
    const open = socket(web, cookieOf(await signedIn()), app)
    await once(open, "open")
    await web.host("app.localhost", { auth_mode: "passthrough", auth_required_users: ["bob"] })
    open.send("hello")
    await once(open, "message")
    const closed = once(open, "close")
    await web.host("app.localhost", auth)
    await closed
    await web.host("app.localhost")
  })
})
