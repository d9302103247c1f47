import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Visitor, type WebHost, webHost } from "./web-host.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { request } from "node:http"

let redis: RedisServer
let web: WebHost
let who: Visitor
let cookie: string
const app = "https://app.localhost:8443"

beforeAll(async () => {
  redis = await redisServer()
  web = await webHost(redis.url)
  await web.host("app.localhost", { auth_excluded_paths: ["/public", "/assets/"] })
  await web.node.execute("SetProxyMcp", { hostname: "app.localhost", mcp: {} })
  who = web.visitor()
  await who.signIn(`${app}/`, web.alice)
  cookie = `__Host-gh_access=${who.jar("app.localhost").get("__Host-gh_access")}`
})

afterAll(async () => {
  await web?.stop()
  await redis?.stop()
})

const status = async (path: string, headers: Record<string, string | string[]>, method = "GET") =>
  (await web.send(`${app}${path}`, { headers, method })).status

describe("without a cookie", () => {
  it.each<[string, string, Record<string, string>, number]>([
    ["GET", "a navigation", { "sec-fetch-mode": "navigate" }, 302],
    ["HEAD", "a navigation", { "sec-fetch-mode": "navigate" }, 302],
    ["GET", "an old browser", { accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8" }, 302],
    ["GET", "a script", { "sec-fetch-mode": "cors", accept: "text/html" }, 401],
    ["GET", "an image", { "sec-fetch-mode": "no-cors", accept: "image/png" }, 401],
    ["GET", "a program", { accept: "*/*" }, 401],
    ["GET", "a program that says nothing", {}, 401],
    ["GET", "a type that begins alike", { accept: "text/htmlx" }, 401],
    ["POST", "a form", { "sec-fetch-mode": "navigate", accept: "text/html" }, 401],
    ["OPTIONS", "a navigation", { "sec-fetch-mode": "navigate" }, 401],
  ])("%s of %s", async (method, _what, headers, expected) => {
    const page = await web.send(`${app}/x`, { method, headers })
    expect(page.status).toBe(expected)
    if (expected === 401) expect(page.headers["www-authenticate"]).toContain("resource_metadata=")
    if (expected === 302) expect(page.headers["set-cookie"]).toHaveLength(1)
  })

  it("the MCP endpoint never leads to a login, and takes no cookie", async () => {
    for (const path of ["/mcp", "/mcp/"]) {
      expect(await status(path, { "sec-fetch-mode": "navigate" })).toBe(401)
      expect(await status(path, { cookie, "sec-fetch-mode": "navigate" })).toBe(401)
      expect(await status(path, { cookie, "sec-fetch-site": "same-origin" }, "POST")).toBe(401)
    }
    expect(await status("/mcpx", { cookie })).toBe(200)
  })

  it("excluded paths are open, per segment", async () => {
    for (const path of ["/public", "/public/a", "/assets/x.css"]) expect(await status(path, {})).toBe(200)
    expect(web.reached.at(-1)!.headers).not.toHaveProperty("x-auth-user-id")
    for (const path of ["/publicity", "/public%2e", "/asset", "/a/public"]) expect(await status(path, {})).toBe(401)
    await web.send(`${app}/public`, { headers: { cookie: `${cookie}; a=b` } })
    expect(web.reached.at(-1)!.headers.cookie).toBe("a=b")
  })

  it("a token in the query is refused and nothing else is looked at", async () => {
    expect(await status("/?access_token=x", { "sec-fetch-mode": "navigate" })).toBe(400)
    expect(await status("/?access_token=x", { cookie })).toBe(400)
  })

  it("keeps the login cookie that a tab before has", async () => {
    const value = "A".repeat(43)
    const first = await web.send(`${app}/`, {
      headers: { "sec-fetch-mode": "navigate", cookie: `__Host-gh_login=${value}` },
    })
    expect(first.headers["set-cookie"]![0]).toMatch(new RegExp(`^__Host-gh_login=${value}; Max-Age=300;`))
    for (const bad of ["short", `${value}x`, "%00".repeat(15)]) {
      const headers = { "sec-fetch-mode": "navigate", cookie: `__Host-gh_login=${bad}` }
      const page = await web.send(`${app}/`, { headers })
      expect(page.headers["set-cookie"]![0]).toMatch(/^__Host-gh_login=[A-Za-z0-9_-]{43};/)
      expect(page.headers["set-cookie"]![0]).not.toContain(bad)
    }
  })

  it("a page over plain HTTP goes to TLS first", async () => {
    const plain = (path: string, headers: Record<string, string>) =>
      new Promise<[number, string | undefined]>((resolve, reject) => {
        const options = {
          host: "127.0.0.1",
          port: web.edge.httpPort,
          path,
          headers: { host: "app.localhost", ...headers },
        }
        const outgoing = request(options, (answer) => {
          answer.resume()
          resolve([answer.statusCode!, answer.headers.location])
        })
        outgoing.on("error", reject).end()
      })
    expect(await plain("/a?b", { "sec-fetch-mode": "navigate" })).toEqual([308, `${app}/a?b`])
    expect(await plain("/a", { cookie })).toEqual([401, undefined])
    expect(await plain("/.gatehouse/session?ticket=x", {})).toEqual([308, `${app}/.gatehouse/session?ticket=x`])
  })
})

describe("with the cookie", () => {
  it.each<[string, Record<string, string>, number]>([
    ["POST", {}, 403],
    ["POST", { origin: "https://evil.example" }, 403],
    ["POST", { origin: "null" }, 403],
    ["POST", { origin: "https://app.localhost" }, 403],
    ["POST", { origin: `${app}.evil.example` }, 403],
    ["POST", { "sec-fetch-site": "cross-site" }, 403],
    ["POST", { "sec-fetch-site": "same-site", origin: "https://other.localhost:8443" }, 403],
    ["PUT", {}, 403],
    ["PATCH", { "sec-fetch-site": "cross-site" }, 403],
    ["DELETE", {}, 403],
    ["POST", { origin: app }, 200],
    ["POST", { "sec-fetch-site": "same-origin" }, 200],
    ["POST", { "sec-fetch-site": "none" }, 200],
    ["DELETE", { "sec-fetch-site": "same-origin", origin: app }, 200],
    ["GET", { "sec-fetch-site": "cross-site" }, 200],
    ["HEAD", {}, 200],
  ])("%s with %j", async (method, headers, expected) => {
    const before = web.reached.length
    expect(await status("/form", { cookie, ...headers }, method)).toBe(expected)
    expect(web.reached.length - before).toBe(expected === 200 ? 1 : 0)
  })

  it("an Authorization of another kind is the application's business, a token is looked at instead", async () => {
    expect(await status("/", { cookie, authorization: "Basic eA==" })).toBe(200)
    expect(web.reached.at(-1)!.headers).not.toHaveProperty("authorization")
    expect(await status("/", { cookie, authorization: "Bearer x.y.z" })).toBe(401)
    expect(await status("/", { cookie, authorization: "Bearer" })).toBe(400)
  })

  it("identity headers of the client are replaced", async () => {
    await web.send(`${app}/`, { headers: { cookie, "x-auth-user-id": "root", X_Auth_User_Name: "root" } })
    expect(web.reached.at(-1)!.headers).toMatchObject({ "x-auth-user-id": "local-alice", "x-auth-user-name": "alice" })
    expect(JSON.stringify(web.reached.at(-1)!.headers)).not.toContain("root")
  })

  it("our own paths never reach the application", async () => {
    const before = web.reached.length
    for (const path of ["/.gatehouse", "/.gatehouse/", "/.gatehouse/x", "/%2egatehouse/x", "/.gatehouse/session/x"])
      expect([path, await status(path, { cookie })]).toEqual([path, 404])
    expect(await status("/.gatehouse/session", { cookie }, "POST")).toBe(405)
    expect(await status("/.gatehouse/login", { cookie }, "DELETE")).toBe(405)
    expect(web.reached.length).toBe(before)
    expect(await status("/.gatehousex", { cookie })).toBe(200)
    await web.host("plain.localhost", { auth_mode: "forward" })
    expect((await web.send("https://plain.localhost:8443/.gatehouse/session")).status).toBe(401)
  })
})

describe("a host in passthrough mode", () => {
  const open = "https://open.localhost:8443"

  it("lets everybody in, and says who somebody is that signed in there", async () => {
    await web.host("open.localhost", { auth_mode: "passthrough" })
    const guest = web.visitor()
    expect((await guest.open(`${open}/`)).status).toBe(200)
    expect(web.reached.at(-1)!.headers).not.toHaveProperty("x-auth-user-id")
    const way = await guest.signIn(`${open}/.gatehouse/login?return_path=%2Fwelcome%3Fa%3Db`, web.bob)
    expect(way.at(-1)!.url.href).toBe(`${open}/welcome?a=b`)
    expect(web.reached.at(-1)!.headers["x-auth-user-name"]).toBe("bob")
    // What comes from elsewhere is nobody's.
    await guest.open(`${open}/`, { method: "POST", headers: { origin: "https://evil.example" } })
    expect(web.reached.at(-1)).toMatchObject({ method: "POST" })
    expect(web.reached.at(-1)!.headers).not.toHaveProperty("x-auth-user-id")
    expect(web.reached.at(-1)!.headers).not.toHaveProperty("cookie")
  })

  it.each(["//evil.example", "https://evil.example/", "/\\evil.example", "x", "/.gatehouse/login"])(
    "leads nobody from its login to %s",
    async (path) => {
      const page = await web.send(`${open}/.gatehouse/login?return_path=${encodeURIComponent(path)}`)
      const place = page.location === undefined ? null : new URL(page.location.searchParams.get("return_url")!).origin
      expect([page.status, place]).toEqual(path === "//evil.example" ? [302, open] : [400, null])
    },
  )
})
