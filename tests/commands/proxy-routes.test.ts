import { decider, owner, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { emptyWorld, apply, find } from "../../src/events/world.ts"

const alice = owner("alice")
const hostname = "a.test"
const set = (routes: object): [string, unknown, typeof alice] => ["SetProxyRoutes", { hostname, routes }, alice]
const turn = (route_id: string, on: boolean, actor = alice): [string, unknown, typeof alice] => [
  "SwitchProxyRoute",
  { hostname, route_id, on },
  actor,
]

/** Alice's proxy with a global route, one of hers for all her proxies, one for this proxy, and one of bob's. */
function setting() {
  const tools = decider()
  const route = { path_pattern: "/x", target_type: "url", target_value: "backend.example" }
  tools.given(
    token("alice"),
    token("bob"),
    ["CreateProxy", { hostname, target_url: "http://backend.example", enable_https: false }, alice],
    ["CreateRoute", { ...route, route_id: "global" }],
    ["CreateRoute", { ...route, route_id: "own", proxy_hostnames: [hostname] }, alice],
    ["CreateRoute", { ...route, route_id: "alices" }, alice],
    ["CreateRoute", { ...route, route_id: "bobs" }, owner("bob")],
  )
  const lists = () => {
    const { route_mode, enabled_routes, disabled_routes } = find(tools.world, "proxy", hostname)!
    return [route_mode, enabled_routes, disabled_routes]
  }
  return { ...tools, lists }
}

describe("the routes of a proxy", () => {
  it("are all of them until something is set, also for proxies that are older than routes", () => {
    expect(setting().lists()).toEqual(["all", [], []])
    const world = emptyWorld()
    const data = { hostname, owner: "admin", target_url: "http://b.example", enabled: true }
    const meta = {
      actor: { name: "x", admin: true },
      command_id: "c",
      command: "C",
      correlation_id: "c",
      at: "2026-01-01T00:00:00.000Z",
    }
    apply(world, {
      position: 1,
      kind: "proxy",
      id: hostname,
      type: "ProxyCreated",
      schema: 1,
      data,
      meta,
      hash: "h",
    })
    expect(find(world, "proxy", hostname)).toMatchObject({ route_mode: "all", enabled_routes: [], disabled_routes: [] })
  })

  it("are replaced as a whole, and not when nothing differs", () => {
    const { when, lists } = setting()
    expect(
      when(...set({ route_mode: "selective", enabled_routes: ["global", "alices"], disabled_routes: ["own"] })).events,
    ).toEqual(["ProxyRoutesSet"])
    expect(lists()).toEqual(["selective", ["alices", "global"], ["own"]])
    expect(
      when(...set({ route_mode: "selective", enabled_routes: ["alices", "global"], disabled_routes: ["own"] })).events,
    ).toEqual([])
    when(...set({ route_mode: "none" }))
    expect(lists()).toEqual(["none", [], []])
  })

  it.each([
    [set({ route_mode: "some" }), "validation_failed"],
    [set({}), "validation_failed"],
    [set({ route_mode: "all", disabled_routes: ["none"] }), "validation_failed"],
    [set({ route_mode: "all", disabled_routes: ["bobs"] }), "validation_failed"],
    [set({ route_mode: "all", enabled_routes: ["own"], disabled_routes: ["own"] }), "validation_failed"],
    [["SetProxyRoutes", { hostname, routes: { route_mode: "all" } }, owner("bob")], "not_owner"],
    [turn("none", true), "not_found"],
    [turn("bobs", true), "not_found"],
    [turn("own", true, owner("bob")), "not_owner"],
  ] as [[string, unknown, typeof alice], string][])("%j: %s", (command, code) =>
    expect(setting().when(...command).refused).toBe(code),
  )

  it.each([
    ["all", "global", ["all", [], []], ["all", [], ["global"]]],
    ["all", "own", ["all", [], []], ["all", [], ["own"]]],
    ["selective", "global", ["selective", ["global"], []], ["selective", [], []]],
    ["selective", "alices", ["selective", ["alices"], []], ["selective", [], []]],
    ["selective", "own", ["selective", [], []], ["selective", [], ["own"]]],
  ])("in the mode %s switch %s on and off, each as often as one likes", (route_mode, id, on, off) => {
    const { given, when, lists } = setting()
    given(set({ route_mode }))
    for (const [state, expected] of [
      [true, on],
      [false, off],
      [true, on],
    ] as const) {
      when(...turn(id, state))
      expect(lists()).toEqual(expected)
      expect(when(...turn(id, state)).events).toEqual([])
    }
  })

  it("cannot be switched in the mode none", () => {
    const { given } = setting()
    const { when } = given(set({ route_mode: "none" }))
    for (const id of ["global", "own"]) expect(when(...turn(id, true)).refused).toBe("invalid_state")
  })
})

describe("a proxy that goes", () => {
  const onBoth = [
    "CreateRoute",
    {
      route_id: "both",
      path_pattern: "/y",
      target_type: "port",
      target_value: 8080,
      proxy_hostnames: [hostname, "b.test"],
    },
  ] as const
  const resource = [
    "RegisterResource",
    { uri: `https://${hostname}/mcp`, name: "x", proxy_target: hostname },
    alice,
  ] as const
  const second = [
    "CreateProxy",
    { hostname: "b.test", target_url: "http://backend.example", enable_https: false },
    alice,
  ] as const

  it("takes its routes and resources along, and leaves those of several proxies", () => {
    const { given, world } = setting()
    const { when } = given([...second], [...onBoth], [...resource])
    const answer = when("DeleteProxy", { hostname }, alice)
    expect(answer.events).toEqual(["ProxyDeleted", "RouteDeleted", "RouteUpdated", "ResourceDeleted"])
    expect(answer.decided?.result).toMatchObject({ routes: ["own"], resources: [`https://${hostname}/mcp`] })
    expect(find(world, "route", "both")?.proxy_hostnames).toEqual(["b.test"])
    expect(when("DeleteProxy", { hostname: "b.test" }, alice).events).toEqual(["ProxyDeleted", "RouteDeleted"])
  })

  it("to another owner takes what is only for it, and leaves the rest", () => {
    const { given, world } = setting()
    const { when } = given(
      [...second],
      [...resource],
      [
        "CreateRoute",
        {
          route_id: "hers",
          path_pattern: "/z",
          target_type: "url",
          target_value: "backend.example",
          proxy_hostnames: [hostname, "b.test"],
        },
        alice,
      ],
    )
    expect(when("UpdateProxy", { hostname, changes: {}, owner: "bob" }).events).toEqual([
      "ProxyReassigned",
      "RouteReassigned",
      "RouteUpdated",
      "ResourceReassigned",
    ])
    expect(find(world, "route", "own")?.owner).toBe("bob")
    expect(find(world, "route", "hers")).toMatchObject({ owner: "alice", proxy_hostnames: ["b.test"] })
    expect(find(world, "route", "alices")?.owner).toBe("alice")
  })

  it("does not hand the routes that lead to it to the next who takes its name", () => {
    const { given } = setting()
    const { when } = given(
      ["CreateRoute", { route_id: "to-a", path_pattern: "/to-a", target_type: "hostname", target_value: hostname }],
      ["DeleteProxy", { hostname }, alice],
    )
    const again = (actor: typeof alice) =>
      when("CreateProxy", { hostname, target_url: "http://backend.example", enable_https: false }, actor)
    expect(again(owner("bob")).refused).toBe("in_use")
    expect(again({ ...owner("admin"), admin: true }).refused).toBeUndefined()
  })
})
