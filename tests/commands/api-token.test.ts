import { decider, hash, owner, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

describe("creating a token", () => {
  it("records it under its name ignoring case", () => {
    const { when, world } = decider()
    expect(when(...token("Alice")).events).toEqual(["TokenCreated"])
    expect(find(world, "api-token", "alice")?.name).toBe("Alice")
    expect(when(...token("ALICE")).refused).toBe("already_exists")
  })

  it.each(["admin", "generate", "email", "info", "formatted"])("refuses the reserved name %s", (name) => {
    expect(decider().when(...token(name)).refused).toBe("reserved_name")
  })

  it.each(["", "-x", "a b", "x".repeat(65), "ä"])("refuses the name %j", (name) => {
    expect(decider().when(...token(name)).refused).toBe("validation_failed")
  })

  it("is for administrators", () => {
    const { given } = decider()
    expect(given(token("bob")).when(...token("eve"), owner("bob")).refused).toBe("admin_required")
  })

  it("destroys the secret that came with a refused or repeated name", () => {
    const { when } = decider()
    const answer = when("RecordAdminToken", { hash: hash("a"), preview: "x", cert_email: null }, undefined, {
      secrets: ["stray-1"],
    })
    expect(answer.decided?.unlink).toEqual(["stray-1"])
  })
})

describe("the administrator's token", () => {
  const record = (digit: string, email: string | null): [string, unknown] => [
    "RecordAdminToken",
    { hash: hash(digit), preview: "abcd…", cert_email: email },
  ]

  it("is recorded once, and again only when it changed", () => {
    const { when } = decider()
    expect(when(...record("1", null)).events).toEqual(["TokenCreated"])
    expect(when(...record("1", null)).events).toEqual([])
    expect(when(...record("2", "a@example.com")).events).toEqual(["TokenReplaced", "TokenEmailUpdated"])
  })

  it("can be neither deleted nor revealed", () => {
    const { given } = decider()
    const { when } = given(record("1", null))
    expect(when("DeleteToken", { name: "ADMIN" }).refused).toBe("protected")
    expect(when("RevealToken", { name: "ADMIN" }).refused).toBe("not_revealable")
  })
})

describe("deleting a token", () => {
  const proxy = (hostname: string, extras: object = {}): [string, unknown, ReturnType<typeof owner>] => [
    "CreateProxy",
    { hostname, target_url: "http://backend.example:8080", ...extras },
    owner("alice"),
  ]

  it("takes proxies, certificates and the vault entry along in one decision", () => {
    const { given, world } = decider()
    const { when } = given(token("alice"), proxy("a.test"))
    const answer = when("DeleteToken", { name: "alice" })
    expect(answer.events).toEqual(["TokenDeleted", "ProxyDeleted", "CertificateDeleted"])
    expect(answer.decided?.unlink).toEqual(["token-alice"])
    expect(answer.decided?.result).toMatchObject({
      deleted_resources: { proxies: ["a.test"], certificates: ["proxy-a-test"] },
    })
    expect(world.objects.proxy.size + world.objects.certificate.size + world.objects["api-token"].size).toBe(0)
  })

  it("changes nothing on a dry run and reports the same", () => {
    const { given } = decider()
    const { when } = given(token("alice"), proxy("a.test"))
    const answer = when("DeleteToken", { name: "alice", dry_run: true })
    expect(answer.events).toEqual([])
    expect(answer.decided?.result).toMatchObject({ dry_run: true, deleted_resources: { proxies: ["a.test"] } })
  })

  it("refuses to orphan objects", () => {
    const { given } = decider()
    expect(given(token("alice"), proxy("a.test")).when("DeleteToken", { name: "alice", cascade: false }).refused).toBe(
      "owns_resources",
    )
  })

  it("hands objects over", () => {
    const { given, world } = decider()
    const { when } = given(token("alice"), token("bob"), proxy("a.test"))
    expect(when("DeleteToken", { name: "alice", reassign_to: "bob" }).events).toEqual([
      "TokenDeleted",
      "ProxyReassigned",
      "CertificateReassigned",
    ])
    expect(find(world, "proxy", "a.test")?.owner).toBe("bob")
    expect(when("DeleteToken", { name: "bob", reassign_to: "bob" }).refused).toBe("validation_failed")
  })

  it("asks before it takes a certificate from another owner's proxy", () => {
    const { given, world } = decider()
    const { when } = given(token("alice"), token("bob"), proxy("a.test"), [
      "CreateProxy",
      { hostname: "b.test", target_url: "http://backend.example", enable_https: false },
      owner("bob"),
    ])
    expect(
      when("UpdateProxy", { hostname: "b.test", changes: { cert_name: "proxy-a-test" }, force: true }).events,
    ).toEqual(["ProxyUpdated"])
    expect(when("DeleteToken", { name: "alice" }).refused).toBe("in_use")
    expect(when("DeleteToken", { name: "alice", force: true }).events).toContain("ProxyUpdated")
    expect(find(world, "proxy", "b.test")?.cert_name).toBeNull()
  })

  const everything: [string, unknown, ReturnType<typeof owner>][] = [
    proxy("a.test", { enable_https: false }),
    ["RegisterInstance", { name: "db", target_url: "backend.example" }, owner("alice")],
    [
      "CreateRoute",
      { route_id: "all", path_pattern: "/x", target_type: "instance", target_value: "db" },
      owner("alice"),
    ],
    [
      "CreateRoute",
      {
        route_id: "one",
        path_pattern: "/y",
        target_type: "url",
        target_value: "backend.example",
        proxy_hostnames: ["a.test"],
      },
      owner("alice"),
    ],
    ["RegisterResource", { uri: "https://a.test/mcp", name: "x", proxy_target: "a.test" }, owner("alice")],
  ]

  it("takes routes, instances and resources along", () => {
    const { given, world } = decider()
    const { when } = given(token("alice"), ...everything)
    expect(when("DeleteToken", { name: "alice", cascade: false }).refused).toBe("owns_resources")
    const answer = when("DeleteToken", { name: "alice" })
    expect(answer.events).toEqual([
      "TokenDeleted",
      "ProxyDeleted",
      "RouteDeleted",
      "RouteDeleted",
      "ResourceDeleted",
      "InstanceDeleted",
    ])
    expect(answer.decided?.result).toMatchObject({
      deleted_resources: {
        proxies: ["a.test"],
        routes: ["all", "one"],
        instances: ["db"],
        resources: ["https://a.test/mcp"],
        services: [],
      },
    })
    expect(Object.values(world.objects).reduce((count, objects) => count + objects.size, 0)).toBe(0)
  })

  it("hands them over without catching what the next owner has", () => {
    const { given, world } = decider()
    const { when } = given(token("alice"), token("bob"), ...everything)
    const answer = when("DeleteToken", { name: "alice", reassign_to: "bob" })
    expect(answer.decided?.result).toMatchObject({ reassigned: 5, deleted_resources: { routes: [] } })
    expect(find(world, "route", "all")).toMatchObject({ owner: "bob", scope: "proxy", proxy_hostnames: ["a.test"] })
    for (const [kind, id] of [
      ["proxy", "a.test"],
      ["instance", "db"],
      ["resource", "https://a.test/mcp"],
      ["route", "one"],
    ] as const)
      expect(find(world, kind, id)).toMatchObject({ owner: "bob" })
  })

  it("switches a route off that would be for all proxies of the next owner and has none of its own", () => {
    const { given, world } = decider()
    const { when } = given(token("alice"), token("bob"), everything[1]!, everything[2]!)
    when("DeleteToken", { name: "alice", reassign_to: "bob" })
    expect(find(world, "route", "all")).toMatchObject({ owner: "bob", enabled: false })
  })

  it.each([
    ["instance", "db"],
    ["hostname", "a.test"],
  ])("asks before it takes an %s from the administrator's routes", (target_type, target_value) => {
    const { given, world } = decider()
    const { when } = given(token("alice"), ...everything, [
      "CreateRoute",
      { route_id: "admins", path_pattern: "/z", target_type, target_value },
    ])
    expect(when("DeleteToken", { name: "alice" }).refused).toBe("in_use")
    expect(when("DeleteToken", { name: "alice", force: true }).refused).toBeUndefined()
    expect(find(world, "route", "admins")?.target_value).toBe(target_value)
  })

  it("ends what the token's commands in flight may do", () => {
    const { given } = decider()
    const { when } = given(token("alice"), ["DeleteToken", { name: "alice" }])
    expect(when(...proxy("late.test")).refused).toBe("invalid_token")
  })
})
