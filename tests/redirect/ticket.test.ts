import { type Page, type Visitor, type WebHost, webHost } from "./web-host.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"

let redis: RedisServer
let web: WebHost
const app = "https://app.localhost:8443"
const other = "https://other.localhost:8443"
const login = "https://auth.localhost:8443/login"

beforeAll(async () => {
  redis = await redisServer()
  web = await webHost(redis.url)
  await web.host("app.localhost")
  await web.host("other.localhost")
})

afterEach(() => {
  web.node.clock.offset = 0
})

afterAll(async () => {
  await web?.stop()
  await redis?.stop()
})

/** A browser that is signed in on the OAuth host. */
async function signedIn(token = web.alice): Promise<Visitor> {
  const who = web.visitor()
  await who.signIn("https://auth.localhost:8443/account", token)
  return who
}

/** The address with the ticket, not opened yet. */
async function ticketFor(who: Visitor, place = `${app}/place`): Promise<URL> {
  const sent = await who.open(place)
  const back = await who.open(sent.location!)
  expect(back.location?.pathname).toBe("/.gatehouse/session")
  return back.location!
}

function expectRefused(page: Page): void {
  expect(page.status).toBe(400)
  expect(page.location).toBeUndefined()
  expect(page.headers["set-cookie"]).toBeUndefined()
  expect(page.text).toContain("Open the page")
}

describe("a ticket", () => {
  it("is good once", async () => {
    const who = await signedIn()
    const url = await ticketFor(who)
    const nonce = new Map(who.jar("app.localhost"))
    expect((await who.open(url)).status).toBe(303)
    who.jar("app.localhost").clear()
    nonce.forEach((value, name) => who.jar("app.localhost").set(name, value))
    expectRefused(await who.open(url))
  })

  it("is good for one of many that bring it at the same time", async () => {
    const who = await signedIn()
    const url = await ticketFor(who)
    const cookie = `__Host-gh_login=${who.jar("app.localhost").get("__Host-gh_login")}`
    const pages = await Promise.all(Array.from({ length: 10 }, () => web.send(url.href, { headers: { cookie } })))
    expect(pages.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([303, ...Array<number>(9).fill(400)])
  })

  it("is good for its own host alone, and used up by the attempt", async () => {
    const who = await signedIn()
    await who.open(`${other}/`)
    const url = await ticketFor(who)
    // The very same nonce on the other host does not help.
    who.jar("other.localhost").set("__Host-gh_login", who.jar("app.localhost").get("__Host-gh_login")!)
    expectRefused(await who.open(`${other}${url.pathname}${url.search}`))
    expectRefused(await who.open(url))
  })

  it("is good in the browser that began there alone", async () => {
    const url = await ticketFor(await signedIn())
    const stranger = web.visitor()
    await stranger.open(`${app}/`)
    expectRefused(await stranger.open(url))
    expectRefused(await web.visitor().open(await ticketFor(await signedIn())))
  })

  it("does not change who somebody is who is signed in on the host already", async () => {
    const bob = web.visitor()
    await bob.signIn(`${app}/`, web.bob)
    const before = bob.jar("app.localhost").get("__Host-gh_access")
    expectRefused(await bob.open(await ticketFor(await signedIn())))
    expect(bob.jar("app.localhost").get("__Host-gh_access")).toBe(before)
  })

  it("is over after a minute, and with the session", async () => {
    const who = await signedIn()
    const ended = await ticketFor(who)
    const kept = await redis.command("SCAN 0 MATCH {gho}:ticket:* COUNT 10000")
    const names = [...kept.matchAll(/\{gho\}:ticket:[0-9a-f]+/g)].map(([name]) => name)
    expect(names.length).toBeGreaterThan(0)
    for (const name of names) {
      const life = Number(/:(-?\d+)/.exec(await redis.command(`PTTL ${name}`))![1])
      expect(life).toBeGreaterThan(0)
      expect(life).toBeLessThanOrEqual(60_000)
    }
    await who.submit(await who.open("https://auth.localhost:8443/logout"))
    expectRefused(await who.open(ended))
  })

  it.each(["", "?ticket=", "?ticket=x", "?ticket=a&ticket=b", "?ticket=%00"])("is not %j", async (query) => {
    const who = await signedIn()
    await who.open(`${app}/`)
    const page = await who.open(`${app}/.gatehouse/session${query}`)
    expect(page.status).toBe(400)
    expect(page.headers["set-cookie"]).toBeUndefined()
  })

  it("is not given when the rule became another one between login and host", async () => {
    const who = await signedIn()
    const url = await ticketFor(who, `${other}/`)
    await web.host("other.localhost", { auth_required_users: ["bob"] })
    const page = await who.open(url)
    await web.host("other.localhost")
    expect(page.status).toBe(403)
    expect(page.headers["set-cookie"]).toBeUndefined()
  })

  it("lets two tabs that began together both arrive", async () => {
    const who = web.visitor()
    const [first, second] = [await who.open(`${app}/one`), await who.open(`${app}/two`)]
    expect(new URL(first.location!).searchParams.get("nonce")).toBe(second.location!.searchParams.get("nonce"))
    const [one, two] = [await who.open(await followed(who, first)), await who.open(await followed(who, second))]
    const done = await who.submit(one, { token: web.alice })
    const arrived = await who.follow(done.location!)
    expect(arrived.at(-1)!.url.pathname).toBe("/one")
    const late = await who.submit(two, { token: web.alice })
    expect((await who.follow(late.location!)).at(-1)).toMatchObject({ status: 200 })
    expect(who.jar("app.localhost").has("__Host-gh_access")).toBe(true)
  })

  it("lets the second of two tabs go on whose login cookie the first has used up", async () => {
    const who = await signedIn()
    const [one, two] = [await ticketFor(who, `${app}/one`), await ticketFor(who, `${app}/two`)]
    expect((await who.open(one)).location!.pathname).toBe("/one")
    expect((await who.open(two)).location!.href).toBe(`${app}/two`)
  })
})

async function followed(who: Visitor, page: Page): Promise<URL> {
  return (await who.open(page.location!)).location!
}

describe("the login for a host", () => {
  const nonce = "A".repeat(43)
  const query = (members: Record<string, string>) => `${login}?${new URLSearchParams(members).toString()}`

  it.each([
    "/",
    "//evil.example",
    "https://evil.example/",
    `${app}\\@evil.example/`,
    "https://unknown.localhost:8443/",
  ])("leads nobody to %s, signed in or not", async (return_url) => {
    for (const who of [web.visitor(), await signedIn()]) {
      const page = await who.open(query({ return_url, nonce }))
      expect(page.status).toBe(400)
      expect(page.location).toBeUndefined()
      expect(page.text).not.toContain("evil")
    }
  })

  it.each(["", "short", `${"A".repeat(42)}=`, "A".repeat(44), `${"A".repeat(42)}"`])(
    "needs the nonce of a host, not %j",
    async (bad) =>
      expect((await (await signedIn()).open(query({ return_url: `${app}/`, nonce: bad }))).status).toBe(400),
  )

  it("takes each parameter once", async () => {
    const page = await (await signedIn()).open(`${query({ return_url: `${app}/`, nonce })}&return_url=${app}/`)
    expect(page.status).toBe(400)
  })

  it("shows somebody whom the host refuses a page with another way, and does not go in circles", async () => {
    await web.host("other.localhost", { auth_required_users: ["bob"] })
    const who = web.visitor()
    const refused = (await who.signIn(`${other}/x`, web.alice)).at(-1)!
    expect([refused.status, refused.url.pathname]).toEqual([403, "/login"])
    expect(refused.text).toContain("<strong>alice</strong>")
    expect(who.jar("other.localhost").has("__Host-gh_access")).toBe(false)
    const again = /<a class="button" href="([^"]+)"/.exec(refused.text)![1]!.replaceAll("&amp;", "&")
    const way = await who.signIn(new URL(again, refused.url), web.bob)
    await web.host("other.localhost")
    expect(way.at(-1)).toMatchObject({ status: 200 })
    expect(way.at(-1)!.url.href).toBe(`${other}/x`)
    expect(web.reached.at(-1)!.headers["x-auth-user-name"]).toBe("bob")
  })

  it("ends the cookies of the person who was signed in before", async () => {
    const who = web.visitor()
    await who.signIn(`${app}/`, web.alice)
    expect((await who.open(`${app}/`)).status).toBe(200)
    const again = (await who.open(query({ return_url: `${other}/`, nonce, prompt: "login" }))).location!
    await who.submit(await who.open(again), { token: web.bob })
    expect((await who.open(`${app}/`)).status).toBe(302)
  })
})
