import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type Recorder, recorder } from "../support/recorder.ts"
import { type TestEdge, testEdge } from "../support/edge.ts"
import type { Guard } from "../../src/edge/guard.ts"
import { rawExchange } from "../support/raw-client.ts"
import { until } from "../support/until.ts"

let own: Recorder
let other: Recorder
let edge: TestEdge
const dialled: string[] = []

/** Refuses what is below /private, whatever a route says. */
const guard: Guard = {
  check: (_, { path }) =>
    path.startsWith("/private")
      ? { pass: false, status: 401, headers: [], body: "no", reason: "no_credential" }
      : { pass: true, headers: ["X-Auth-User-Id", "u"], protected: true, identity: null },
  claims: () => undefined,
  stillAllowed: () => true,
}

beforeAll(async () => {
  own = await recorder()
  other = await recorder()
  edge = await testEdge(
    { PROXY_CONNECT_TIMEOUT: "2" },
    {
      guard,
      allowAddress: (address, port, owner) => {
        dialled.push(`${address}:${port} ${owner}`)
        return owner !== "mallory"
      },
    },
  )
  edge.proxy("a.test", own.port)
  edge.proxy("b.test", other.port)
})
afterAll(async () => {
  await edge.close(0)
  await own.close()
  await other.close()
})
beforeEach(() => {
  own.reset()
  other.reset()
  edge.records.length = 0
})

let count = 0
/** Adds a route for `/<id>`. @returns the path */
function route(target_type: string, target_value: string | number, settings: object = {}): string {
  const route_id = `r${(count += 1)}`
  edge.projections.append("route", route_id, "RouteCreated", {
    route_id,
    path_pattern: `/${route_id}`,
    is_regex: false,
    target_type,
    target_value: String(target_value),
    priority: 50,
    methods: null,
    enabled: true,
    description: "",
    scope: "global",
    proxy_hostnames: [],
    owner: "admin",
    ...settings,
  })
  return `/${route_id}`
}
const instance = (name: string, port: number, owner = "admin") =>
  edge.projections.append("instance", name, "InstanceRegistered", {
    name,
    target_url: `http://127.0.0.1:${port}/base`,
    description: "",
    owner,
    created_by: owner,
  })
const ask = (path: string, { method = "GET", host = "a.test", headers = "" } = {}) =>
  rawExchange(edge.httpPort, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`)
const code = (text: string) => /"code":"(\w+)"/.exec(text)?.[1]

describe("a route sends requests to", () => {
  it("a port of this machine, with the path unchanged and everything that the proxy adds", async () => {
    const path = route("port", other.port)
    expect(await ask(`${path}/x/?q=1`)).toContain("200 OK")
    expect(other.requests[0]?.line).toBe(`GET ${path}/x/?q=1 HTTP/1.1`)
    expect(other.requests[0]?.headers).toEqual(expect.arrayContaining(["Host: a.test", "X-Auth-User-Id: u"]))
    expect(own.requests).toEqual([])
    await ask("/elsewhere")
    expect(own.requests).toHaveLength(1)
  })

  it("a URL, with its own host name where the proxy does not keep the client's", async () => {
    const path = route("url", `http://127.0.0.1:${other.port}/base/`)
    edge.proxy("c.test", own.port, { preserve_host_header: false })
    await ask(path, { host: "c.test" })
    expect(other.requests[0]?.line).toBe(`GET /base${path} HTTP/1.1`)
    expect(other.requests[0]?.headers).toContain(`Host: 127.0.0.1:${other.port}`)
  })

  it("an instance, at the address that it has now, and 502 once it is gone", async () => {
    const path = route("instance", "db")
    expect(code(await ask(path))).toBe("target_unavailable")
    instance("db", other.port)
    expect(await ask(path)).toContain("200 OK")
    expect(other.requests[0]?.line).toBe(`GET /base${path} HTTP/1.1`)
    edge.projections.append("instance", "db", "InstanceUpdated", { target_url: `http://127.0.0.1:${own.port}` })
    await ask(path)
    expect(own.requests).toHaveLength(1)
    edge.projections.append("instance", "db", "InstanceDeleted", { name: "db" })
    const gone = await ask(path)
    expect([gone.slice(9, 12), code(gone)]).toEqual(["502", "target_unavailable"])
  })

  it("the target of another proxy, one hop away: its routes do not count", async () => {
    const path = route("hostname", "b.test")
    route("port", 1, { path_pattern: path, scope: "proxy", proxy_hostnames: ["b.test"], priority: 900 })
    await ask(path)
    expect(other.requests).toHaveLength(1)
    edge.projections.append("proxy", "b.test", "ProxyUpdated", { enabled: false })
    expect(code(await ask(path))).toBe("target_unavailable")
    edge.projections.append("proxy", "b.test", "ProxyUpdated", { enabled: true })
    edge.projections.append("proxy", "b.test", "ProxyUpdated", { target_url: `http://127.0.0.1:${own.port}` })
    await ask(path)
    expect(own.requests).toHaveLength(1)
    edge.projections.append("proxy", "b.test", "ProxyUpdated", { target_url: `http://127.0.0.1:${other.port}` })
  })

  it("nothing of another owner, whatever the route says", async () => {
    instance("alices", other.port, "alice")
    const bobs = { scope: "proxy", proxy_hostnames: ["bobs.test"], owner: "bob" }
    edge.proxy("bobs.test", own.port, { owner: "bob" })
    for (const path of [route("instance", "alices", bobs), route("hostname", "b.test", bobs)])
      expect(code(await ask(path, { host: "bobs.test" }))).toBe("target_unavailable")
    expect(other.requests).toEqual([])
  })
})

describe("a route", () => {
  it("is chosen behind the guard", async () => {
    route("port", other.port, { path_pattern: "/private" })
    expect((await ask("/private/x")).slice(9, 12)).toBe("401")
    expect(other.requests).toEqual([])
  })

  it("is chosen for each request of a connection, by method and path", async () => {
    const path = route("port", other.port, { methods: ["POST"] })
    const both = `POST ${path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\nGET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`
    await rawExchange(edge.httpPort, both)
    expect([other.requests.length, own.requests.length]).toEqual([1, 1])
  })

  it("follows every change at once: switched off, taken off one proxy, deleted", async () => {
    const path = route("port", other.port)
    const id = path.slice(1)
    const hits = async () => {
      other.reset()
      await ask(path)
      return other.requests.length
    }
    expect(await hits()).toBe(1)
    edge.projections.append("route", id, "RouteUpdated", { enabled: false })
    expect(await hits()).toBe(0)
    edge.projections.append("route", id, "RouteUpdated", { enabled: true })
    edge.projections.append("proxy", "a.test", "ProxyRoutesSet", {
      route_mode: "all",
      enabled_routes: [],
      disabled_routes: [id],
    })
    expect(await hits()).toBe(0)
    edge.projections.append("proxy", "a.test", "ProxyRoutesSet", {
      route_mode: "selective",
      enabled_routes: [id],
      disabled_routes: [],
    })
    expect(await hits()).toBe(1)
    edge.projections.append("proxy", "a.test", "ProxyRoutesSet", {
      route_mode: "none",
      enabled_routes: [],
      disabled_routes: [],
    })
    expect(await hits()).toBe(0)
    edge.projections.append("proxy", "a.test", "ProxyRoutesSet", {
      route_mode: "all",
      enabled_routes: [],
      disabled_routes: [],
    })
    edge.projections.append("route", id, "RouteDeleted", { route_id: id })
    expect(await hits()).toBe(0)
  })

  it("is dialled with the rights of who vouches for its address", async () => {
    edge.proxy("m.test", own.port, { owner: "mallory" })
    const settings = { scope: "proxy", proxy_hostnames: ["m.test"], owner: "mallory" }
    const path = route("url", `http://127.0.0.1:${other.port}`, settings)
    dialled.length = 0
    expect(code(await ask(path, { host: "m.test" }))).toBe("bad_gateway")
    expect(dialled).toEqual([`127.0.0.1:${other.port} mallory`])
    instance("shared", other.port)
    expect(await ask(route("instance", "shared", settings), { host: "m.test" })).toContain("200 OK")
    expect(dialled.at(-1)).toBe(`127.0.0.1:${other.port} admin`)
  })

  it("does not share connections with another proxy, and uses its own again", async () => {
    const path = route("port", other.port)
    const twice = `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\nGET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`
    await rawExchange(edge.httpPort, twice)
    const before = other.connections
    await ask(path)
    expect(other.connections).toBe(before)
    edge.proxy("d.test", own.port)
    await ask(path, { host: "d.test" })
    expect(other.connections).toBe(before + 1)
  })

  it("carries WebSocket upgrades too", async () => {
    const path = route("port", other.port)
    other.respond = ({ socket }) =>
      socket.end(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
      )
    const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    const request = `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`
    expect(await rawExchange(edge.httpPort, request)).toMatch(/^HTTP\/1\.1 101 /)
    await until(() => other.requests.length === 1)
  })
})

it("a proxy may lead to an instance itself", async () => {
  edge.proxy("i.test", 1, { target_url: "instance://backend" })
  expect(code(await ask("/", { host: "i.test" }))).toBe("target_unavailable")
  instance("backend", other.port)
  expect(await ask("/x", { host: "i.test" })).toContain("200 OK")
  expect(other.requests[0]?.line).toBe("GET /base/x HTTP/1.1")
})
