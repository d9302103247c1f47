import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Visitor, type WebHost, webHost } from "./web-host.ts"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { claimsIn, signAs } from "./cookie-token.ts"
import { registerClient, tokensFor } from "../oauth/flow.ts"
import { generateKeyPairSync } from "node:crypto"
import { SignJWT } from "jose"

let redis: RedisServer
let web: WebHost
const app = "https://app.localhost:8443"
const name = "__Host-gh_access"

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

async function signedIn(place = `${app}/`): Promise<Visitor> {
  const who = web.visitor()
  await who.signIn(place, web.alice)
  return who
}

const cookieOf = (who: Visitor, host = "app.localhost") => who.jar(host).get(name)!

/** Status of a page that a script asks for, and of one that a person opens. */
async function statuses(cookie: string, place = `${app}/`): Promise<[number, number]> {
  const headers = { cookie: `${name}=${cookie}` }
  const script = await web.send(place, { headers })
  const person = await web.send(place, { headers: { ...headers, "sec-fetch-mode": "navigate" } })
  return [script.status, person.status]
}

describe("a host's cookie", () => {
  it("opens its own host and no other", async () => {
    const cookie = cookieOf(await signedIn())
    expect(await statuses(cookie)).toEqual([200, 200])
    expect(await statuses(cookie, "https://other.localhost:8443/")).toEqual([401, 302])
  })

  it("is worth nothing as a bearer token, and no access token is a cookie", async () => {
    const cookie = cookieOf(await signedIn())
    const bearer = await web.send(`${app}/`, { headers: { authorization: `Bearer ${cookie}` } })
    expect([bearer.status, bearer.headers["www-authenticate"]]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    const tokens = await tokensFor(web.node, await registerClient(web.node), web.alice, { resource: app })
    const headers = { authorization: `Bearer ${tokens.access_token}` }
    expect((await web.send(`${app}/`, { headers })).status).toBe(200)
    expect(await statuses(tokens.access_token)).toEqual([401, 302])
    const forms = { token: cookie, client_id: "x" }
    const own = await web.send("https://auth.localhost:8443/introspect", {
      form: forms,
      headers: { authorization: `Bearer ${web.alice}` },
    })
    expect(own.text).not.toContain("local-alice")
  })

  it("does not work when anything of it is wrong", async () => {
    const good = cookieOf(await signedIn())
    const claims = { ...claimsIn(good) }
    const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    const { name: _, ...rest } = { name: "", ...claims }
    const [head, body, signature] = good.split(".") as [string, string, string]
    const changed = Buffer.from(JSON.stringify({ ...claims, sub: "local-bob" })).toString("base64url")
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "gatehouse-session+jwt" })).toString("base64url")
    const kid = JSON.parse(Buffer.from(head, "base64url").toString()).kid as string
    const forgeries: [string, string][] = [
      ["as it is", await signAs(web.node, rest)],
      ["other claims under the signature", `${head}.${changed}.${signature}`],
      ["no algorithm", `${none}.${body}.`],
      ["no signature", `${head}.${body}.`],
      ["another's key", await sign(stranger, rest, kid)],
      ["an unknown key", await sign(stranger, rest, "x".repeat(43))],
      ["the type of access tokens", await signAs(web.node, rest, { typ: "at+jwt" })],
      ["no type", await signAs(web.node, rest, { typ: undefined })],
      ["a type that only begins alike", await signAs(web.node, rest, { typ: "gatehouse-session+jwtx" })],
      ["another issuer", await signAs(web.node, { ...rest, iss: "https://evil.example" })],
      ["another host", await signAs(web.node, { ...rest, aud: "https://other.localhost:8443" })],
      ["two hosts", await signAs(web.node, { ...rest, aud: [app, "https://other.localhost:8443"] })],
      ["no session", await signAs(web.node, { ...rest, sid: "" })],
      ["no end", await signAs(web.node, { ...rest, exp: undefined })],
      ["the future", await signAs(web.node, { ...rest, iat: rest.iat + 3600, exp: rest.exp + 3600 })],
      ["the past", await signAs(web.node, { ...rest, iat: rest.iat - 3600, exp: rest.iat - 1 })],
      ["a person without an API token", await signAs(web.node, { ...rest, username: "nobody" })],
      ["a claim that nobody knows", await signAs(web.node, { ...rest, admin: true })],
      ["no JWT", "x"],
      ["very long", "x".repeat(5000)],
    ]
    for (const [what, cookie] of forgeries)
      expect([what, ...(await statuses(cookie))]).toEqual(what === "as it is" ? [what, 200, 200] : [what, 401, 302])
  })

  it("counts as absent when it comes twice", async () => {
    const cookie = cookieOf(await signedIn())
    const twice = `${name}=${cookie}; ${name}=${cookie}`
    expect((await web.send(`${app}/`, { headers: { cookie: twice } })).status).toBe(401)
    expect((await web.send(`${app}/`, { headers: { cookie: [`${name}=${cookie}`, "a=b"] } })).status).toBe(200)
  })

  it("is over after a quarter of an hour, and a navigation gets a new one without a question", async () => {
    const who = await signedIn()
    web.node.clock.offset = 901_000
    expect(await statuses(cookieOf(who))).toEqual([401, 302])
    const way = await who.follow(`${app}/again`)
    expect(way.map(({ status }) => status)).toEqual([302, 303, 303, 200])
  })

  it("ends with the session, at the next request", async () => {
    const who = await signedIn()
    const cookie = cookieOf(who)
    expect(await statuses(cookie)).toEqual([200, 200])
    await who.submit(await who.open("https://auth.localhost:8443/logout"))
    expect(await statuses(cookie)).toEqual([401, 302])
  })

  it("ends with the API token of its person, and does not come back with another of that name", async () => {
    const carol = `acm_${"c".repeat(43)}`
    const { sha256 } = await import("../../src/platform/ids.ts")
    const token = {
      name: "carol",
      cert_email: "c@example.org",
      hash: sha256(carol),
      preview: "acm_…",
      secret_ref: "token-carol",
    }
    await web.node.execute("CreateToken", token)
    const who = web.visitor()
    await who.signIn(`${app}/`, carol)
    const cookie = cookieOf(who)
    expect(await statuses(cookie)).toEqual([200, 200])
    await web.node.execute("DeleteToken", { name: "carol" })
    expect(await statuses(cookie)).toEqual([401, 302])
    web.node.clock.offset = 2000
    await web.node.execute("CreateToken", { ...token, hash: sha256("acm_another") })
    expect(await statuses(cookie)).toEqual([401, 302])
  })

  it("is asked about the rule each time: 403 for what runs in the page, the login's page for the person", async () => {
    const who = await signedIn()
    const cookie = cookieOf(who)
    for (const kind of ["emails", "groups", "users"]) {
      await web.host("app.localhost", { [`auth_required_${kind}`]: ["bob@example.org"] })
      expect(await statuses(cookie), kind).toEqual([403, 302])
    }
    expect((await who.follow(`${app}/`)).at(-1)).toMatchObject({ status: 403 })
    await web.host("app.localhost", { auth_mode: "forward" })
    expect(await statuses(cookie)).toEqual([401, 401])
    await web.host("app.localhost", { auth_enabled: false })
    expect(await statuses("")).toEqual([200, 200])
    await web.host("app.localhost")
    expect(await statuses(cookie)).toEqual([200, 200])
  })

  it("of somebody who cannot be told to the application is refused, and sent to no login over and over", async () => {
    const claims = claimsIn(cookieOf(await signedIn()))
    expect(await statuses(await signAs(web.node, { ...claims, email: "a@b\n" }))).toEqual([502, 502])
  })

  it("has the name that the proxy gives it, and that one never reaches the application", async () => {
    await web.host("other.localhost", { auth_cookie_name: "wiki_session" })
    const who = await signedIn("https://other.localhost:8443/")
    const jar = who.jar("other.localhost")
    expect([...jar.keys()]).toEqual(["wiki_session"])
    jar.set("theirs", "1")
    await who.open("https://other.localhost:8443/")
    expect(web.reached.at(-1)!.headers.cookie).toBe("theirs=1")
    await web.host("other.localhost")
  })

  it("does not open a proxy that is switched off", async () => {
    const cookie = cookieOf(await signedIn())
    await web.node.execute("UpdateProxy", { hostname: "app.localhost", changes: { enabled: false } })
    expect(await statuses(cookie)).toEqual([503, 503])
    const login = `https://auth.localhost:8443/login?return_url=${encodeURIComponent(`${app}/`)}&nonce=${"A".repeat(43)}`
    expect((await web.send(login)).status).toBe(400)
    await web.node.execute("UpdateProxy", { hostname: "app.localhost", changes: { enabled: true } })
    expect(await statuses(cookie)).toEqual([200, 200])
  })
})

const sign = (key: ReturnType<typeof generateKeyPairSync>["privateKey"] & object, claims: object, kid: string) =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: "ES256", typ: "gatehouse-session+jwt", kid }).sign(key)
