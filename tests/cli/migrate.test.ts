import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterEach, expect, test } from "vitest"
import type { EventSketch } from "../support/records.ts"
import { commandLine } from "./running-cli.ts"
import { nearestName } from "../../src/cli/recipes/migrate.ts"

let api: RunningApi
afterEach(() => api.stop())

const registered = (name: string): EventSketch => {
  const data = { name, target_url: "http://93.184.216.34", description: "", owner: "admin", created_by: "ADMIN" }
  return { kind: "instance", id: name, type: "InstanceRegistered", data }
}
const leading = (route_id: string, target_value: string): EventSketch => {
  const settings = { is_regex: false, priority: 50, methods: null, enabled: true, description: "", proxy_hostnames: [] }
  const target = { path_pattern: `/${route_id}`, target_type: "instance", target_value }
  const data = { route_id, scope: "global", owner: "admin", ...settings, ...target }
  return { kind: "route", id: route_id, type: "RouteCreated", data }
}

test("names of an earlier version are shown, and changed after asking; what leads to them follows", async () => {
  api = await runningApi({ history: [registered("My.Service"), registered("my-service"), leading("r1", "My.Service")] })
  const cli = commandLine(api)
  const unasked = await cli(["migrate-service-names"])
  expect([unasked.code, unasked.out]).toEqual([3, ""])
  expect(unasked.err).toContain("  instance: My.Service → my-service-2")
  const done = await cli(["migrate-service-names"], { answers: ["y"] })
  expect([done.code, done.json()]).toEqual([
    0,
    { renamed: [{ kind: "instance", name: "My.Service", becomes: "my-service-2" }], left: [] },
  ])
  expect((await cli(["route-show", "r1"])).json()["target_value"]).toBe("my-service-2")
  expect((await cli(["instance-show", "my-service-2"])).json()["used_by"]).toEqual(["r1"])
  const { position } = await api.store.head()
  const again = await cli(["migrate-service-names"])
  expect([again.code, again.json()]).toEqual([0, { renamed: [], left: [] }])
  expect((await api.store.head()).position).toBe(position)
  expect(nearestName("Über Dienst!", new Set())).toBe("ber-dienst")
  expect(nearestName("...", new Set(["unnamed"]))).toBe("unnamed-2")
  expect(nearestName("x".repeat(200), new Set())).toHaveLength(60)
})

test("a record that cannot be renamed is named, and the recipe fails", async () => {
  api = await runningApi({ history: [leading("Route_One", "gone")] })
  const ran = await commandLine(api)(["migrate-service-names"])
  expect([ran.code, ran.json()["left"]]).toEqual([1, [{ kind: "route", name: "Route_One" }]])
  expect(ran.err).toContain("route Route_One: its name cannot be changed")
})

test("today's names are not touched, and are found in any case of letters", async () => {
  api = await runningApi()
  await api.call("POST", "/api/v1/instances", { name: "db", target_url: "http://93.184.216.34" })
  const stale = await api.call("PUT", "/api/v1/instances/DB", { description: "x" }, { "if-match": '"1"' })
  expect([stale.status, stale.body["code"]]).toEqual([412, "precondition_failed"])
  expect((await api.call("PUT", "/api/v1/instances/DB", { description: "x" })).status).toBe(200)
  expect((await commandLine(api)(["migrate-service-names"])).json()).toEqual({ renamed: [], left: [] })
})
