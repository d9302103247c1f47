import { type Browser, browser } from "../support/browser.ts"
import { type Node, api, installation, startNode } from "../support/gatehouse.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type Server, createServer } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { AddressInfo } from "node:net"
import { Agent } from "undici"
import { once } from "node:events"

interface Session {
  readonly session_id: string
  readonly kind: string
  readonly user: string
  readonly accessed_proxies: readonly string[] | null
  readonly requests?: number | null
  readonly ip_addresses?: readonly { address: string }[] | null
}

let redis: RedisServer
let node: Node
let application: Server
const tokens: Record<string, string> = {}
let carol: Browser
const dispatcher = new Agent({
  connect: {
    rejectUnauthorized: false,
    lookup: (_name, options, done) =>
      options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
  },
})

beforeAll(async () => {
  redis = await redisServer()
  application = createServer((_, res) => res.end("here")).listen(0, "127.0.0.1")
  await once(application, "listening")
  const port = (application.address() as AddressInfo).port
  node = await startNode(installation(redis.url), { TARGET_ALLOW_CIDRS: "127.0.0.0/8" })
  for (const name of ["alice", "bob", "carol"]) {
    const made = await node.api<{ token: string }>("POST", "/api/v1/tokens", {
      name,
      cert_email: `${name}@example.com`,
    })
    tokens[name] = made.body.token
  }
  for (const [owner, hostname] of [
    ["alice", "a.localhost"],
    ["bob", "b.localhost"],
  ] as const) {
    const target = { hostname, target_url: `http://127.0.0.1:${port}` }
    const made = await as(owner)("POST", "/api/v1/proxy/targets", target)
    const auth = { auth_proxy: "auth.localhost", auth_mode: "redirect" }
    const set = await as(owner)("POST", `/api/v1/proxy/targets/${hostname}/auth`, auth)
    if (made.status !== 201 || set.status !== 200) throw new Error(JSON.stringify([made.body, set.body]))
  }
  carol = browser(dispatcher)
})

afterAll(async () => {
  await node?.stop()
  application?.close()
  application?.closeAllConnections()
  await redis?.stop()
  await dispatcher.close()
})

const as =
  (name: string) =>
  <T = Record<string, never>>(method: string, path: string, body?: unknown) =>
    api<T>(node.apiPort, name === "ADMIN" ? node.adminToken : tokens[name], method, path, body)
const at = (host: string, path = "/") => `https://${host}.localhost:${node.httpsPort}${path}`
const sessions = async (name: string, path = "sessions?kind=browser") =>
  (await as(name)<{ sessions: Session[] }>("GET", `/api/v1/oauth/${path}`)).body.sessions

/** undici's fetch calls everything a script, which is never sent to the login. */
const signIn = "/.gatehouse/login?return_path=/x"

async function follow(url: string) {
  let page = await carol.fetch(url)
  while (page.location !== null) page = await carol.fetch(page.location)
  return page
}

describe("a browser that is signed in", () => {
  it("is shown to administrators, and to owners of the hosts that it was used on", async () => {
    const login = await follow(at("a", signIn))
    const done = await carol.submit(login, { token: tokens["carol"]! })
    expect((await follow(done.location!)).text).toBe("here")
    await expect
      .poll(async () => (await sessions("ADMIN")).map(({ user, accessed_proxies }) => [user, accessed_proxies]), {
        timeout: 10_000,
      })
      .toEqual([["carol", ["a.localhost"]]])
    expect((await sessions("alice")).map(({ accessed_proxies }) => accessed_proxies)).toEqual([["a.localhost"]])
    expect(await sessions("bob")).toEqual([])
    expect(await sessions("alice", "proxies/a.localhost/sessions")).toHaveLength(1)
    expect(await sessions("bob", "proxies/b.localhost/sessions")).toEqual([])
    const proxies = await as("alice")<{ proxies: { active_sessions: number }[] }>("GET", "/api/v1/oauth/proxies")
    expect(proxies.body.proxies.map(({ active_sessions }) => active_sessions)).toEqual([1])
    const page = await follow(at("auth", "/account"))
    expect(page.text).toContain("This browser is signed in at a.localhost.")
  })

  it("shows its owner of a host what it did there, and an administrator everything", async () => {
    const [{ session_id } = { session_id: "" }] = await sessions("ADMIN")
    const path = `/api/v1/oauth/sessions/${session_id}`
    const whole = (await as("ADMIN")<Session>("GET", path)).body
    expect(whole).toMatchObject({ kind: "browser", user: "carol", ip_addresses: [{ address: "127.0.0.1" }] })
    expect(whole.requests).toBeGreaterThan(0)
    expect(JSON.stringify(whole)).not.toContain("__Host")
    expect((await as("alice")<Session>("GET", path)).body).toMatchObject({ requests: null, ip_addresses: null })
    expect((await as("bob")("GET", path)).status).toBe(404)
  })

  it("is signed out by an administrator alone, from the next request on", async () => {
    const [{ session_id } = { session_id: "" }] = await sessions("ADMIN")
    const path = `/api/v1/oauth/sessions/${session_id}`
    const open = async () => (await carol.fetch(at("a"))).status
    expect((await as("bob")("DELETE", path)).status).toBe(404)
    expect((await as("alice")("DELETE", path)).status).toBe(403)
    expect(await open()).toBe(200)
    expect((await as("ADMIN")("DELETE", path)).status).toBe(204)
    expect(await open()).toBe(401)
    expect(await sessions("ADMIN")).toEqual([])
    expect((await as("ADMIN")("DELETE", path)).status).toBe(404)
    expect((await follow(at("a", signIn))).url).toContain("/login?transaction=")
  })
})
