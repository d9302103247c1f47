import { admin, decider } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { fork, referring, worldOf } from "../../src/events/world.ts"
import { proxiesTo, routesTo } from "../../src/events/targets.ts"
import { hosts } from "../../src/projections/hosts.ts"
import { instanceDetail } from "../../src/projections/views/instance.ts"
import type { EventListener } from "../../src/projections/projections.ts"
import type { StoredEvent } from "../../src/events/envelope.ts"

const leading = (hostname: string, target_url: string): [string, unknown] => [
  "CreateProxy",
  { hostname, target_url, enable_https: false },
]

function setting() {
  const tools = decider()
  tools.given(
    ["RegisterInstance", { name: "db", target_url: "http://backend.example" }, admin],
    [...leading("a.example.com", "instance://db"), admin],
    [...leading("b.example.com", "http://backend.example"), admin],
    ["CreateRoute", { route_id: "r1", path_pattern: "/x", target_type: "instance", target_value: "db" }, admin],
    [
      "CreateRoute",
      { route_id: "r2", path_pattern: "/y", target_type: "hostname", target_value: "a.example.com" },
      admin,
    ],
  )
  return tools
}

/** Fails whoever looks at every proxy or every route. */
function unsearchable(world: ReturnType<typeof decider>["world"]) {
  for (const map of [world.objects.proxy, world.objects.route])
    for (const walk of ["values", "entries", "keys", "forEach", Symbol.iterator] as const)
      Object.assign(map, {
        [walk]: () => {
          throw new Error("every object was looked at")
        },
      })
}

describe("what leads to an instance", () => {
  it("is known for proxies and routes, follows their changes, and is what a fold from objects gives", () => {
    const { when, world } = setting()
    expect(proxiesTo(world, "instance", "db").map(({ hostname }) => hostname)).toEqual(["a.example.com"])
    expect(routesTo(world, "instance", "db").map(({ route_id }) => route_id)).toEqual(["r1"])
    expect(routesTo(world, "hostname", "a.example.com").map(({ route_id }) => route_id)).toEqual(["r2"])
    const before = fork(world)
    when("UpdateProxy", { hostname: "b.example.com", changes: { target_url: "instance://db" } })
    when("DeleteRoute", { route_id: "r1" })
    expect(proxiesTo(world, "instance", "db")).toHaveLength(2)
    expect(routesTo(world, "instance", "db")).toEqual([])
    expect(proxiesTo(before, "instance", "db"), "a fork has references of its own").toHaveLength(1)
    when("DeleteProxy", { hostname: "a.example.com" })
    expect(referring(world, "proxy", "instance/db").map(({ hostname }) => hostname)).toEqual(["b.example.com"])
    expect(world.referrers).toEqual(worldOf(world).referrers)
  })

  it("is looked up and never searched for, by a write, by its answer and by the hosts of the edge", () => {
    const { when, world, log } = setting()
    const listeners: EventListener[] = []
    const listen = (listener: EventListener) => {
      listeners.push(listener)
      return () => undefined
    }
    const byName = hosts({ world, ready: true, reached: () => Promise.resolve(true), listen })
    unsearchable(world)
    expect(when("UpdateInstance", { name: "db", changes: { target_url: "http://other.example" } }).events).toEqual([
      "InstanceUpdated",
    ])
    for (const listener of listeners) listener(log.slice(-1) as StoredEvent[], world)
    expect(byName.get("a.example.com")).toMatchObject({ destination: { target: { hostname: "other.example" } } })
    expect(instanceDetail(world.objects.instance.get("db")!.state, world, () => true).used_by).toEqual([
      "a.example.com",
      "r1",
    ])
    expect(when("DeleteInstance", { name: "db" }).refused).toBe("in_use")
    expect(when("UpdateInstance", { name: "db", changes: { name: "store" } }).events).toEqual([
      "InstanceRenamed",
      "InstanceRegistered",
      "RouteUpdated",
      "ProxyUpdated",
    ])
  })
})
