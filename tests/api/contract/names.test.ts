import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
})
afterAll(() => api.stop())

const url = "http://93.184.216.34"

/** How an object of each kind is made with a name, and where the answer has it. */
const makers: Readonly<Record<string, { path: string; body: (name: string) => object; shown: string }>> = {
  token: { path: "/tokens", body: (name) => ({ name }), shown: "name" },
  certificate: {
    path: "/certificates",
    body: (cert_name) => ({ cert_name, domain: "x.internal" }),
    shown: "cert_name",
  },
  proxy: {
    path: "/proxy/targets",
    body: (hostname) => ({ hostname, target_url: url, enable_https: false }),
    shown: "",
  },
  route: {
    path: "/routes",
    body: (route_id) => ({ route_id, path_pattern: `/${route_id}`, target_type: "url", target_value: url }),
    shown: "route_id",
  },
  service: { path: "/services", body: (service_name) => ({ service_name, image: "nginx" }), shown: "" },
  instance: { path: "/instances", body: (name) => ({ name, target_url: url }), shown: "name" },
}
const make = (kind: string, name: string, token?: string) => {
  const { path, body } = makers[kind]!
  return api.call("POST", `/api/v1${path}`, body(name), {}, token)
}

describe("a name", () => {
  test.each([
    ["token", "Z"],
    ["token", "9._-"],
    ["token", `a${"b".repeat(63)}`],
    ["certificate", "C"],
    ["certificate", `c${".d".repeat(127)}`],
    ["proxy", "one.example.com"],
    ["proxy", `${"l".repeat(63)}.example.com`],
    ["proxy", `${`${"m".repeat(49)}.`.repeat(5)}abc`],
    ["route", "0"],
    ["route", `r${"-".repeat(63)}`],
    ["service", "1"],
    ["service", `s_${"-".repeat(61)}`],
    ["instance", "2"],
    ["instance", `i_${"-".repeat(61)}`],
  ])("of a %s may be %s", async (kind, name) => {
    const { status, body } = await make(kind, name)
    expect(status, JSON.stringify(body)).toBe(201)
  })

  test.each([
    ["token", ["", ".a", "-a", "_a", "a b", "a/b", "ä", `a${"b".repeat(64)}`]],
    ["certificate", ["", ".a", "a b", "a_b/", "ü", `c${"d".repeat(255)}`]],
    [
      "proxy",
      [
        ...[
          "",
          "nodot",
          ".example.com",
          "example.com.",
          "*.example.com",
          "example.com:80",
          "http://example.com",
          "a..b",
        ],
        ...[
          "-a.example.com",
          "a-.example.com",
          "10.0.0.1",
          "[::1]",
          "a_b.example.com",
          `${"l".repeat(64)}.example.com`,
        ],
        `${`${"m".repeat(49)}.`.repeat(5)}abcd`,
      ],
    ],
    ["route", ["", "-a", "A", "a_b", "a.b", `r${"-".repeat(64)}`]],
    ["service", ["", "-a", "_a", "A", "a.b", `s${"-".repeat(63)}`]],
    ["instance", ["", "-a", "_a", "a.b", `i${"-".repeat(63)}`]],
  ] as const)("of a %s is none of %j", async (kind, names) => {
    const { position } = api.projections.world
    for (const name of names) {
      const { status, body } = await make(kind, name)
      expect([name, status, body["code"]]).toEqual([name, 422, "validation_failed"])
    }
    expect(api.projections.world.position).toBe(position)
  })

  test.each([
    ["token", ["admin", "ADMIN", "generate", "Email", "info", "formatted"]],
    ["certificate", ["multi-domain", "Multi-Domain"]],
    ["proxy", ["localhost", "LocalHost", "auth.localhost"]],
    ["route", ["formatted", "oauth-token"]],
    ["service", ["cleanup"]],
    ["instance", ["docker-x", "Docker-x"]],
  ] as const)("of a %s is reserved: %j", async (kind, names) => {
    for (const name of names) {
      const { status, body } = await make(kind, name)
      expect([name, status, body["code"]]).toEqual([name, 422, "reserved_name"])
    }
  })

  test("of an instance is reserved for administrators: localhost, api, auth", async () => {
    for (const name of ["localhost", "api", "Auth"]) {
      expect((await make("instance", name, alice)).body["code"], name).toBe("reserved_name")
      expect((await make("instance", name)).status, name).toBe(201)
    }
  })

  test("`formatted` is a host of nobody", async () => {
    const { status } = await make("proxy", "formatted")
    expect(status).toBe(422)
  })

  test("is unique ignoring case where case is kept, and lower-cased elsewhere", async () => {
    for (const [kind, name, other] of [
      ["token", "Case", "cASE"],
      ["certificate", "Case", "cASE"],
    ] as const) {
      expect((await make(kind, name)).body[makers[kind]!.shown]).toBe(name)
      const again = await make(kind, other)
      expect([again.status, again.body["code"]]).toEqual([409, "already_exists"])
    }
    expect((await make("instance", "CaSe")).body["name"]).toBe("case")
    expect((await make("instance", "case")).status).toBe(409)
    const host = await make("proxy", "Bücher.Example.COM")
    expect(host.body).toMatchObject({ proxy_target: { hostname: "xn--bcher-kva.example.com" } })
    expect((await make("proxy", "XN--BCHER-KVA.example.com")).status).toBe(409)
  })

  test("of a route that nobody gave is made of its path and eight hexadecimal digits", async () => {
    const route = { path_pattern: "/My-Files/v1/", target_type: "url", target_value: url }
    const { body } = await api.call("POST", "/api/v1/routes", route)
    expect(body["route_id"]).toMatch(/^my-files-v1-[0-9a-f]{8}$/)
  })
})

describe("the URI of a resource", () => {
  const register = (uri: string) =>
    api.call("POST", "/api/v1/resources", { uri, name: "r", proxy_target: "one.example.com" })

  test.each([
    ["https://one.example.com:8443/a?b=c", "https://one.example.com:8443/a?b=c"],
    ["HTTPS://ONE.example.com:8443/b", "https://one.example.com:8443/b"],
  ])("%s is registered in its normal form", async (uri, normal) => {
    const { status, body } = await register(uri)
    expect([status, body["uri"]], JSON.stringify(body)).toEqual([201, normal])
    expect((await register(uri.toLowerCase())).status).toBe(409)
  })

  test.each([
    ["http://one.example.com:8443/a"],
    ["https://one.example.com:8443/a#part"],
    ["https://me@one.example.com:8443/a"],
    ["https://me:pw@one.example.com:8443/a"],
    ["/a"],
    ["urn:a:b"],
    [`https://one.example.com:8443/${"a".repeat(2048)}`],
  ])("%s is none", async (uri) => {
    const { status, body } = await register(uri)
    expect([status, body["code"]]).toEqual([422, "validation_failed"])
  })
})
