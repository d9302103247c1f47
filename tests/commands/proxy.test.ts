import { decider, owner, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

const target_url = "http://backend.example:8080"
const create = (hostname: string, extras: object = {}): [string, unknown] => [
  "CreateProxy",
  { hostname, target_url, ...extras },
]

describe("creating a proxy", () => {
  it("requests the certificate in the same decision", () => {
    const { when, world } = decider()
    const answer = when(...create("MCP.Test"))
    expect(answer.events).toEqual(["CertificateRequested", "ProxyCreated"])
    expect(answer.decided?.result).toEqual({ certificate_status: "started", cert_name: "proxy-mcp-test" })
    expect(find(world, "proxy", "mcp.test")).toMatchObject({
      cert_name: "proxy-mcp-test",
      owner: "admin",
      enabled: true,
    })
  })

  it("takes another name when the usual one is in use for something else", () => {
    const { given } = decider()
    const { when } = given(["CreateCertificate", { cert_name: "proxy-a-test", domains: ["other.test"] }])
    expect(when(...create("a.test")).decided?.result).toMatchObject({ cert_name: "proxy-a-test-2" })
  })

  it.each([
    [create("a.test", { enable_https: false }), { certificate_status: "not_required", cert_name: null }],
    [create("a.test", { cert_name: "WILD" }), { certificate_status: "existing", cert_name: "wild" }],
  ])("%j", (command, result) => {
    const { given } = decider()
    expect(
      given(["CreateCertificate", { cert_name: "wild", domains: ["*.test"] }]).when(...command).decided?.result,
    ).toEqual(result)
  })

  it.each([
    [create("a.test", { cert_name: "missing" }), "validation_failed"],
    [create("a.b.test", { cert_name: "wild" }), "certificate_not_covering"],
    [create("a.test", { enable_http: false, enable_https: false }), "validation_failed"],
    [create("localhost"), "reserved_name"],
    [create("auth.localhost"), "reserved_name"],
    [create("*.test"), "validation_failed"],
    [create("nodot"), "validation_failed"],
    [create("a.test:8443"), "validation_failed"],
    [create("a.test", { target_url: "ftp://x" }), "validation_failed"],
    [create("a.test", { target_url: "http://user:pw@x.example" }), "validation_failed"],
    [create("a.test", { target_url: "http://169.254.169.254/latest" }), "forbidden_target"],
    [create("a.test", { target_url: "http://0.0.0.0:80" }), "forbidden_target"],
    [create("a.test", { target_url: "http://127.0.0.1:9000" }), "forbidden_target"],
    [create("a.test", { target_url: "http://localhost:6390" }), "forbidden_target"],
    [create("a.test", { target_url: "http://2852039166/" }), "forbidden_target"],
    [create("a.test", { custom_headers: { "X_Forwarded-For": "1" } }), "validation_failed"],
    [create("a.test", { custom_headers: { "X-A": "a\r\nb: c" } }), "validation_failed"],
    [create("a.test", { auth_enabled: true }), "validation_failed"],
  ])("refuses %j", (command, code) => {
    const { given } = decider()
    expect(given(["CreateCertificate", { cert_name: "wild", domains: ["*.test"] }]).when(...command).refused).toBe(code)
  })

  it("takes headers within their limits, and none that Gatehouse or the connection sets", () => {
    const { when } = decider()
    const refused = (custom_headers: object) => when(...create("headers.test", { custom_headers })).refused
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`X-${at}`, "1"]))
    expect(refused(many(51))).toBe("validation_failed")
    expect(refused({ "X-A": "v".repeat(4096), "X-B": "v".repeat(4091) })).toBe("validation_failed")
    const own =
      "Connection Keep-Alive Proxy-Authorization Proxy-Connection TE Trailer Transfer-Encoding Upgrade Host Authorization " +
      "Content-Length Forwarded X-Auth-User-Id X-Auth-Anything X-Forwarded-For X-Forwarded-Host x_forwarded.proto X-Real-IP"
    for (const name of own.split(" ")) expect(refused({ [name]: "1" }), name).toBe("validation_failed")
    for (const name of ["", "a b", "ä", "x".repeat(129), "X:"])
      expect(refused({ [name]: "1" }), name).toBe("validation_failed")
    expect(refused({ ...many(48), "X-A": "v".repeat(4096), "X-B": "v".repeat(3800) })).toBeUndefined()
  })

  it("keeps owners to public targets unless a range is allowed", () => {
    const open = decider({ targetAllowCidrs: ["10.1.0.0/16"] })
    const { when } = open.given(token("bob"))
    for (const [target, code] of [
      ["http://10.1.2.3", undefined],
      ["http://10.2.2.3", "forbidden_target"],
      ["http://127.0.0.1:8080", "forbidden_target"],
      ["http://[::1]:8080", "forbidden_target"],
      ["http://[::ffff:10.2.2.3]", "forbidden_target"],
    ] as const)
      expect(
        when("CreateProxy", { hostname: `h${target.replace(/[^a-z0-9]/g, "")}.test`, target_url: target }, owner("bob"))
          .refused,
        target,
      ).toBe(code)
  })

  it("gives a host name to the first who asks", () => {
    const { given } = decider()
    const { when } = given(token("alice"), token("bob"), [...create("a.test"), owner("alice")])
    expect(when(...create("A.TEST"), owner("bob")).refused).toBe("already_exists")
    expect(when("UpdateProxy", { hostname: "a.test", changes: { enabled: false } }, owner("bob")).refused).toBe(
      "not_owner",
    )
    expect(when("DeleteProxy", { hostname: "a.test" }, owner("bob")).refused).toBe("not_owner")
  })
})

describe("updating a proxy", () => {
  it("records only what changes, and nothing when nothing does", () => {
    const { given } = decider()
    const { when } = given(create("a.test", { custom_headers: { "X-A": "1", "X-B": "2" } }))
    expect(
      when("UpdateProxy", {
        hostname: "a.test",
        changes: { enabled: true, custom_headers: { "X-B": "2", "X-A": "1" } },
      }).events,
    ).toEqual([])
    expect(when("UpdateProxy", { hostname: "a.test", changes: { enabled: false } }).decided?.events).toMatchObject([
      { data: { enabled: false } },
    ])
  })

  it("checks the version that the caller saw", () => {
    const { given, world } = decider()
    const { when } = given(create("a.test"))
    const version = world.objects.proxy.get("a.test")!.version
    const change = (enabled: boolean) => ({ hostname: "a.test", changes: { enabled } })
    expect(when("UpdateProxy", change(false), undefined, { if_match: version }).events).toEqual(["ProxyUpdated"])
    expect(when("UpdateProxy", change(true), undefined, { if_match: version }).refused).toBe("precondition_failed")
  })

  it("may change its owner, for administrators", () => {
    const { given, world } = decider()
    const { when } = given(token("bob"), create("a.test"))
    expect(when("UpdateProxy", { hostname: "a.test", changes: {}, owner: "bob" }).events).toEqual(["ProxyReassigned"])
    expect(find(world, "proxy", "a.test")?.owner).toBe("bob")
    expect(when("UpdateProxy", { hostname: "a.test", changes: {}, owner: "admin" }, owner("bob")).refused).toBe(
      "admin_required",
    )
  })

  it("does not tell a stranger the version", () => {
    const { given } = decider()
    const { when } = given(token("bob"), create("a.test"))
    expect(when("UpdateProxy", { hostname: "a.test", changes: {} }, owner("bob"), { if_match: 999 }).refused).toBe(
      "not_owner",
    )
  })

  it("gets a certificate when HTTPS is switched on", () => {
    const { given } = decider()
    const { when } = given(create("a.test", { enable_https: false }))
    expect(when("UpdateProxy", { hostname: "a.test", changes: { enable_https: true } }).events).toEqual([
      "CertificateRequested",
      "ProxyUpdated",
    ])
  })
})

describe("deleting a proxy", () => {
  it("takes its certificate along only when nobody else uses it", () => {
    const { given, world } = decider()
    const { when } = given(create("a.test"), create("b.test", { enable_https: false }), [
      "UpdateProxy",
      { hostname: "b.test", changes: { cert_name: "proxy-a-test" }, force: true },
    ])
    expect(when("DeleteProxy", { hostname: "a.test", delete_certificate: true }).refused).toBe("in_use")
    expect(when("DeleteProxy", { hostname: "b.test" }).decided?.result).toMatchObject({ deleted_certificate: null })
    expect(when("DeleteProxy", { hostname: "a.test", delete_certificate: true }).events).toEqual([
      "ProxyDeleted",
      "CertificateDeleted",
    ])
    expect(world.objects.certificate.size).toBe(0)
  })
})

describe("auth and MCP settings", () => {
  const auth = { auth_proxy: "auth.localhost" }

  it("are replaced whole, and a repeat is no event", () => {
    const { given, world } = decider()
    const { when } = given(create("a.test"))
    expect(
      when("SetProxyAuth", { hostname: "a.test", auth: { ...auth, auth_required_users: ["bob"] } }).events,
    ).toEqual(["ProxyAuthSet"])
    expect(when("SetProxyAuth", { hostname: "a.test", auth }).events).toEqual(["ProxyAuthSet"])
    expect(find(world, "proxy", "a.test")?.auth?.auth_required_users).toBeNull()
    expect(when("SetProxyAuth", { hostname: "a.test", auth }).events).toEqual([])
    expect(when("SetProxyMcp", { hostname: "a.test", mcp: { mcp_scopes: "mcp:read x" } }).events).toEqual([
      "ProxyMcpSet",
    ])
    expect(find(world, "proxy", "a.test")?.mcp).toMatchObject({ mcp_endpoint: "/mcp", mcp_scopes: ["mcp:read", "x"] })
    expect(when("RemoveProxyAuth", { hostname: "a.test" }).events).toEqual(["ProxyAuthRemoved"])
    expect(when("RemoveProxyAuth", { hostname: "a.test" }).events).toEqual([])
  })

  it.each([
    [{ auth_proxy: "auth.elsewhere.com" }, "unknown_auth_proxy"],
    [{ ...auth, auth_required_emails: ["a*b@example.com"] }, "validation_failed"],
    [{ ...auth, auth_header_prefix: "Auth-" }, "validation_failed"],
    [{ ...auth, auth_mode: "maybe" }, "validation_failed"],
    [{ auth_mode: "forward" }, "validation_failed"],
  ])("refuse %j", (settings, code) => {
    const { given } = decider()
    expect(given(create("a.test")).when("SetProxyAuth", { hostname: "a.test", auth: settings }).refused).toBe(code)
  })
})
