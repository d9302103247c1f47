import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"
import { routeSlug } from "../../src/commands/route.ts"

type Command = [type: string, data: unknown, actor: typeof admin]

const target = { target_type: "url", target_value: "http://backend.example:8080" }
const create = (route_id: string, extras: object = {}, actor = admin): Command => [
  "CreateRoute",
  { route_id, path_pattern: "/api", ...target, ...extras },
  actor,
]
const proxy = (hostname: string, actor = admin): Command => [
  "CreateProxy",
  { hostname, target_url: "http://backend.example", enable_https: false },
  actor,
]
const alice = owner("alice")
const bob = owner("bob")

/** Two tokens with a proxy each, an instance of each and one of the administrator. */
function setting() {
  const tools = decider()
  tools.given(
    token("alice"),
    token("bob"),
    proxy("a.test", alice),
    proxy("b.test", bob),
    proxy("admin.example.com"),
    ["RegisterInstance", { name: "alices", target_url: "backend.example:1" }, alice],
    ["RegisterInstance", { name: "shared", target_url: "http://10.0.0.1" }],
  )
  return tools
}

describe("creating a route", () => {
  it("is global for an administrator, for all own proxies for an owner, and for the proxies that are named", () => {
    const { when, world } = setting()
    expect(when(...create("g", { methods: ["post", "GET"] })).events).toEqual(["RouteCreated"])
    expect(find(world, "route", "g")).toMatchObject({
      scope: "global",
      owner: "admin",
      priority: 50,
      methods: ["GET", "POST"],
      enabled: true,
      is_regex: false,
    })
    when(...create("o", {}, alice))
    expect(find(world, "route", "o")).toMatchObject({ scope: "owner", owner: "alice", methods: null })
    when(...create("p", { proxy_hostnames: ["A.test"] }, alice))
    expect(find(world, "route", "p")).toMatchObject({ scope: "proxy", proxy_hostnames: ["a.test"] })
    when("CreateRoute", { route_id: "for-alice", path_pattern: "/x", ...target, owner: "Alice" })
    expect(find(world, "route", "for-alice")).toMatchObject({ scope: "owner", owner: "alice" })
  })

  it.each([
    [create("x", { scope: "global" }, alice), "global_admin_only"],
    [create("x", { scope: "global", owner: "alice" }), "validation_failed"],
    [create("x", { owner: "bob" }, alice), "admin_required"],
    [create("x", { scope: "proxy" }), "validation_failed"],
    [create("x", { scope: "owner", proxy_hostnames: ["a.test"] }, alice), "validation_failed"],
    [create("x", { proxy_hostnames: ["b.test"] }, alice), "not_owner"],
    [create("x", { proxy_hostnames: ["none.test"] }, alice), "validation_failed"],
    [create("x", { proxy_hostnames: ["a.test", "A.TEST"] }, alice), "validation_failed"],
    [create("formatted"), "reserved_name"],
    [create("oauth-token"), "reserved_name"],
    [create("Upper"), "validation_failed"],
    [create("-x"), "validation_failed"],
    [create("x", { path_pattern: "api" }), "validation_failed"],
    [create("x", { path_pattern: "/a/../b" }), "validation_failed"],
    [create("x", { path_pattern: `/${"a".repeat(1024)}` }), "validation_failed"],
    [create("x", { path_pattern: "/(?=a)", is_regex: true }), "unsupported_regex"],
    [create("x", { path_pattern: ".*", is_regex: true }), "validation_failed"],
    [create("x", { priority: 1000 }), "validation_failed"],
    [create("x", { methods: ["TRACE"] }), "validation_failed"],
    [create("x", { description: "d".repeat(501) }), "validation_failed"],
    [create("x", { version: 1 }), "validation_failed"],
    [create("x", { target_type: "port", target_value: 8080 }, alice), "admin_required"],
    [create("x", { target_type: "port", target_value: 0 }), "validation_failed"],
    [create("x", { target_type: "port", target_value: "65536" }), "validation_failed"],
    [create("x", { target_type: "port", target_value: 9000 }), "forbidden_target"],
    [create("x", { target_type: "instance", target_value: "none" }), "validation_failed"],
    [create("x", { target_type: "instance", target_value: "alices" }, bob), "validation_failed"],
    [create("x", { target_type: "hostname", target_value: "none.test" }), "validation_failed"],
    [create("x", { target_type: "hostname", target_value: "b.test" }, alice), "not_owner"],
    [
      create("x", { target_type: "hostname", target_value: "a.test", proxy_hostnames: ["a.test"] }, alice),
      "validation_failed",
    ],
    [create("x", { target_value: "ftp://backend.example" }), "validation_failed"],
    [create("x", { target_value: "169.254.169.254" }), "forbidden_target"],
    [create("x", { target_value: "http://10.0.0.1" }, alice), "forbidden_target"],
    [create("x", { target_value: "http://a.test" }), "forbidden_target"],
    [create("x", { target_value: "https://auth.localhost" }), "forbidden_target"],
    [create("x", { target_type: "service", target_value: "Not A Name" }), "validation_failed"],
    [create("x", { target_type: "service", target_value: "none" }), "validation_failed"],
  ] as [Command, string][])("%j: %s", (command, code) => expect(setting().when(...command).refused).toBe(code))

  it.each([
    [{ target_type: "port", target_value: 8080 }, "8080"],
    [{ target_type: "port", target_value: "08080" }, "8080"],
    [{ target_type: "instance", target_value: "ALICES" }, "alices"],
    [{ target_type: "hostname", target_value: "B.test" }, "b.test"],
    [{ target_value: "backend.example:8080/base" }, "http://backend.example:8080/base"],
  ])("records the target %j as %s", (extras, value) => {
    const { when, world } = setting()
    when(...create("x", extras))
    expect(find(world, "route", "x")?.target_value).toBe(value)
  })

  it("lets an owner use the administrator's instances", () => {
    expect(setting().when(...create("x", { target_type: "instance", target_value: "shared" }, alice)).events).toEqual([
      "RouteCreated",
    ])
  })

  it.each([
    [{}, "already_exists"],
    [{ path_pattern: "/api/" }, "already_exists"],
    [{ methods: ["POST"] }, "already_exists"],
    [{ priority: 51 }, undefined],
    [{ is_regex: true }, undefined],
    [{ path_pattern: "/other" }, undefined],
    [{ scope: "owner" }, undefined],
  ])("refuses what could not be told from a route that is there: %j", (extras, refused) => {
    const { given } = setting()
    expect(given(create("first")).when(...create("second", extras)).refused).toBe(refused)
  })

  it("tells routes apart by methods, owners and proxies", () => {
    const { given } = setting()
    const { when } = given(
      create("get", { methods: ["GET"] }),
      create("post", { methods: ["POST"] }),
      create("alice", {}, alice),
      create("bob", {}, bob),
      create("on-a", { proxy_hostnames: ["a.test"] }, alice),
      create("on-b", { proxy_hostnames: ["b.test"] }, bob),
    )
    expect(when(...create("again", { proxy_hostnames: ["b.test", "admin.example.com"] })).refused).toBe(
      "already_exists",
    )
    expect(when(...create("get", { path_pattern: "/z" })).refused).toBe("already_exists")
  })

  it("bounds what regular expressions of one owner can cost", () => {
    const { when } = setting()
    for (let n = 0; n < 100; n += 1)
      expect(when(...create(`r${n}`, { is_regex: true, path_pattern: `/${n}/.*` }, alice)).refused).toBeUndefined()
    expect(when(...create("one-more", { is_regex: true }, alice)).refused).toBe("validation_failed")
    expect(when(...create("plain", {}, alice)).events).toEqual(["RouteCreated"])
    expect(when("UpdateRoute", { route_id: "plain", changes: { is_regex: true } }, alice).refused).toBe(
      "validation_failed",
    )
    expect(when("UpdateRoute", { route_id: "r1", changes: { path_pattern: "/new/.*" } }, alice).events).toEqual([
      "RouteUpdated",
    ])
  })

  it("makes ids from paths", () => {
    expect(["/", "/API/v1/*", "/oauth/x", "/ä", `/${"long".repeat(40)}`].map(routeSlug)).toEqual([
      "root",
      "api-v1",
      "route-oauth-x",
      "root",
      "long".repeat(40).slice(0, 47),
    ])
  })
})

describe("changing a route", () => {
  it("records only what differs", () => {
    const { given, world } = setting()
    const { when } = given(create("x", {}, alice))
    expect(when("UpdateRoute", { route_id: "x", changes: { priority: 50, methods: [] } }, alice).events).toEqual([])
    const answer = when("UpdateRoute", { route_id: "x", changes: { priority: 60, enabled: false } }, alice)
    expect(answer.decided?.events[0]?.data).toEqual({ priority: 60, enabled: false })
    expect(find(world, "route", "x")).toMatchObject({ priority: 60, enabled: false, path_pattern: "/api" })
  })

  it("frees the old path", () => {
    const { given } = setting()
    const { when } = given(create("x"), ["UpdateRoute", { route_id: "x", changes: { path_pattern: "/new" } }])
    expect(when(...create("y")).events).toEqual(["RouteCreated"])
    expect(when("UpdateRoute", { route_id: "y", changes: { path_pattern: "/new" } }).refused).toBe("already_exists")
  })

  it.each([
    [{ scope: "global" }, alice, "global_admin_only"],
    [{ scope: "proxy" }, alice, "validation_failed"],
    [{ scope: "proxy", proxy_hostnames: ["b.test"] }, alice, "not_owner"],
    [{ target_type: "port" }, alice, "admin_required"],
    [{ target_type: "instance" }, alice, "validation_failed"],
    [{ path_pattern: "/(?=x)", is_regex: true }, alice, "unsupported_regex"],
    [{ route_id: "y" }, alice, "validation_failed"],
    [{ priority: 1 }, bob, "not_owner"],
  ])("refuses %j by %j: %s", (changes, actor, code) => {
    const { given } = setting()
    expect(given(create("x", {}, alice)).when("UpdateRoute", { route_id: "x", changes }, actor).refused).toBe(code)
  })

  it("clears the hosts when the scope leaves them", () => {
    const { given, world } = setting()
    given(create("x", { proxy_hostnames: ["a.test"] }, alice), [
      "UpdateRoute",
      { route_id: "x", changes: { scope: "owner" } },
      alice,
    ])
    expect(find(world, "route", "x")).toMatchObject({ scope: "owner", proxy_hostnames: [] })
  })

  it("gives it to another owner only with a target and proxies that this one may use", () => {
    const { given, world } = setting()
    const { when } = given(
      create("x", { target_type: "instance", target_value: "alices" }, alice),
      create("y", { path_pattern: "/y", proxy_hostnames: ["a.test"] }, alice),
    )
    const give = (route_id: string, changes: object, actor = admin) =>
      when("UpdateRoute", { route_id, changes, owner: "bob" }, actor).refused
    expect(give("x", {}, alice)).toBe("admin_required")
    expect(give("x", {})).toBe("validation_failed")
    expect(give("x", { target_value: "shared" })).toBeUndefined()
    expect(find(world, "route", "x")).toMatchObject({ owner: "bob", target_value: "shared" })
    expect(give("y", {})).toBe("not_owner")
    expect(give("y", { proxy_hostnames: ["b.test"] })).toBeUndefined()
  })
})

describe("deleting a route", () => {
  it("takes it out of the lists of all proxies in the same decision", () => {
    const { given, world } = setting()
    const { when } = given(
      create("x"),
      ["SetProxyRoutes", { hostname: "a.test", routes: { route_mode: "selective", enabled_routes: ["x"] } }, alice],
      ["SwitchProxyRoute", { hostname: "b.test", route_id: "x", on: false }, bob],
    )
    expect(when("DeleteRoute", { route_id: "x" }, alice).refused).toBe("not_owner")
    expect(when("DeleteRoute", { route_id: "x" }).events).toEqual(["ProxyRoutesSet", "ProxyRoutesSet", "RouteDeleted"])
    expect(find(world, "proxy", "a.test")).toMatchObject({ route_mode: "selective", enabled_routes: [] })
    expect(find(world, "proxy", "b.test")).toMatchObject({ disabled_routes: [] })
    expect(when("DeleteRoute", { route_id: "x" }).refused).toBe("not_found")
  })

  it("keeps built-in ones unless an administrator insists", () => {
    const { when } = setting()
    expect(when("CreateRoute", create("oauth-token")[1], system).refused).toBeUndefined()
    expect(when("DeleteRoute", { route_id: "oauth-token" }).refused).toBe("protected")
    expect(when("DeleteRoute", { route_id: "oauth-token", force: true }).events).toEqual(["RouteDeleted"])
  })
})
