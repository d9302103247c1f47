import { admin, decider, owner, policy, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { orphans } from "../../src/commands/orphan.ts"

const day = 86_400_000
const alice = owner("alice")
const ownHosts = [...policy.adminHosts, ...policy.oauthHosts]
const target_url = "http://backend.example:8080"

type Tools = ReturnType<typeof decider>
type Command = [type: string, data: unknown, actor?: typeof admin]

const proxy = (hostname: string, more: object = {}): Command => [
  "CreateProxy",
  { hostname, target_url, enable_https: false, ...more },
]
const route = (route_id: string, more: object): Command => [
  "CreateRoute",
  { route_id, path_pattern: `/${route_id}`, ...more },
]

/** A certificate of the internal CA that serves. */
function issued(tools: Tools, cert_name: string, domains: string[], actor = admin, days = 90): void {
  const now = Date.parse(tools.now())
  const material = {
    fullchain_pem: "PEM",
    key_ref: `key-${cert_name}`,
    issued_at: new Date(now).toISOString(),
    expires_at: new Date(now + days * day).toISOString(),
    fingerprint_sha256: "ab",
  }
  tools.given(
    ["CreateCertificate", { cert_name, domains, issuer: "internal" }, actor],
    ["StartAttempt", { cert_name, directory_url: null }, system],
    ["RecordIssued", { cert_name, ...material }, system],
  )
}

const found = ({ world, now }: Tools) => orphans(world, now(), ownHosts).map(({ kind, name }) => `${kind} ${name}`)
const remove = (tools: Tools, ...names: string[]) =>
  tools.when("RemoveOrphans", {
    orphans: names.map((one) => ({ kind: one.split(" ")[0], name: one.split(" ")[1] })),
  })

describe("an orphaned certificate", () => {
  it("is attached to no proxy, selected for no host, a day old and not being worked on", () => {
    const tools = decider()
    tools.given(token("alice"))
    issued(tools, "unused", ["a.internal"])
    issued(tools, "young", ["b.internal"])
    expect(found(tools)).toEqual([])
    tools.advance(day + 1000)
    issued(tools, "new", ["c.internal"])
    tools.given(["CreateCertificate", { cert_name: "open", domains: ["d.internal"] }])
    expect(found(tools)).toEqual(["certificates unused", "certificates young"])
  })

  it("is none while a handshake would get it, though no proxy names it", () => {
    const tools = decider()
    tools.given(token("alice"), token("bob"), proxy("x.a.internal", { owner: "alice" }))
    issued(tools, "selected", ["*.a.internal"], alice)
    issued(tools, "oauth", ["auth.localhost"])
    issued(tools, "admin-host", ["localhost"])
    issued(tools, "strangers", ["other.internal"], owner("bob"))
    tools.advance(2 * day)
    expect(found(tools)).toEqual(["certificates strangers"])
    // A better one takes its place; the proxy that is switched off keeps what it has.
    tools.given(["UpdateProxy", { hostname: "x.a.internal", changes: { enabled: false } }])
    issued(tools, "exact", ["x.a.internal"], alice)
    expect(found(tools)).toEqual(["certificates selected", "certificates strangers"])
  })

  it("is none while it is being worked on, however old, and comes to nothing once more", () => {
    const tools = decider()
    tools.given(["CreateCertificate", { cert_name: "slow", domains: ["slow.internal"], issuer: "internal" }])
    tools.advance(2 * day)
    expect(found(tools)).toEqual([])
    expect(remove(tools, "certificates slow").events).toEqual([])
  })

  it("is none of a host of Gatehouse's own when the command looks again", () => {
    const tools = decider()
    issued(tools, "oauth", ["auth.localhost"])
    issued(tools, "unused", ["a.internal"])
    tools.advance(2 * day)
    expect(remove(tools, "certificates oauth", "certificates unused").events).toEqual(["CertificateDeleted"])
    expect(find(tools.world, "certificate", "oauth")).toBeDefined()
  })

  it("is none while an expired one is all that there is for a host", () => {
    const tools = decider()
    tools.given(proxy("a.internal"))
    issued(tools, "old", ["a.internal"], admin, 1)
    tools.advance(3 * day)
    expect(found(tools)).toEqual([])
  })
})

describe("orphaned records", () => {
  it("are routes without target, and never what is built in", () => {
    const tools = decider()
    tools.given(
      proxy("host.internal"),
      ["RegisterInstance", { name: "db", target_url }],
      route("to-instance", { target_type: "instance", target_value: "db" }),
      route("to-host", { target_type: "hostname", target_value: "host.internal" }),
      route("to-url", { target_type: "url", target_value: target_url }),
      ["CreateRoute", { ...builtIn, route_id: "oauth-token" }, system],
    )
    expect(found(tools)).toEqual([])
    tools.given(["DeleteInstance", { name: "db", force: true }], ["DeleteProxy", { hostname: "host.internal" }])
    expect(found(tools)).toEqual(["routes to-host", "routes to-instance"])
  })

  it("are routes for proxies that are all gone, none while one is left", () => {
    const tools = decider()
    const { world } = tools
    const hosts = ["a.internal", "b.internal"]
    tools.given(
      proxy(hosts[0]!),
      proxy(hosts[1]!),
      route("two", { target_type: "url", target_value: target_url, proxy_hostnames: hosts }),
    )
    world.objects.proxy.delete(hosts[0]!)
    expect(found(tools)).toEqual([])
    world.objects.proxy.delete(hosts[1]!)
    expect(found(tools)).toEqual(["routes two"])
  })

  it("are proxies and instances whose service or owner is gone, and resources without proxy", () => {
    const tools = decider()
    const { world } = tools
    tools.given(
      token("alice"),
      ["CreateService", { service_name: "web", image: "nginx", environment: [], auto_proxy: true }],
      proxy("kept.internal", { owner: "alice", enabled: false }),
      ["RegisterResource", { uri: "https://kept.internal", name: "r", proxy_target: "kept.internal" }],
    )
    expect(found(tools)).toEqual([])
    // No command leaves these behind; a log of another version, or a repaired one, might.
    world.objects.service.delete("web")
    expect(found(tools)).toEqual(["proxies web.localhost", "instances docker-web"])
    world.objects.proxy.delete("kept.internal")
    expect(found(tools)).toContain("resources https://kept.internal")
    tools.given(proxy("ownerless.internal", { owner: "alice" }), [
      "RegisterInstance",
      { name: "ownerless", target_url, owner: "alice" },
    ])
    world.objects["api-token"].delete("alice")
    expect(found(tools)).toEqual([
      "proxies ownerless.internal",
      "proxies web.localhost",
      "instances docker-web",
      "instances ownerless",
      "resources https://kept.internal",
    ])
  })
})

const builtIn = {
  path_pattern: "/token",
  target_type: "hostname",
  target_value: "auth.localhost",
  scope: "proxy",
  proxy_hostnames: ["auth.localhost"],
}

describe("removing orphans", () => {
  it("removes each with an event of its own, in one commit", () => {
    const tools = decider()
    tools.given(
      ["RegisterInstance", { name: "db", target_url }],
      route("one", { target_type: "instance", target_value: "db" }),
      route("two", { target_type: "instance", target_value: "db" }),
      ["DeleteInstance", { name: "db", force: true }],
    )
    expect(remove(tools, "routes one", "routes two").events).toEqual(["RouteDeleted", "RouteDeleted"])
    expect(found(tools)).toEqual([])
    expect(remove(tools, "routes one", "routes two").events).toEqual([])
  })

  it("looks at each again: what is used by now stays, and so does what was never one", () => {
    const tools = decider()
    tools.given(
      proxy("host.internal", { enabled: false }),
      ["RegisterInstance", { name: "db", target_url }],
      route("one", { target_type: "instance", target_value: "db" }),
      ["DeleteInstance", { name: "db", force: true }],
    )
    expect(found(tools)).toEqual(["routes one"])
    tools.given(["RegisterInstance", { name: "db", target_url }])
    const answer = remove(tools, "routes one", "proxies host.internal", "instances db", "certificates none")
    expect([answer.events, answer.refused]).toEqual([[], undefined])
    expect(find(tools.world, "route", "one")).toBeDefined()
  })

  it("is for administrators", () => {
    const tools = decider()
    tools.given(token("alice"))
    expect(tools.when("RemoveOrphans", { orphans: [] }, alice).refused).toBe("admin_required")
  })
})
