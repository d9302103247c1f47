import { type World, emptyWorld, fork } from "../../src/events/world.ts"
import { expect, test } from "vitest"
import { fold } from "../support/access-tokens.ts"
import { routingChanges } from "../../src/projections/routing.ts"

const never = new AbortController().signal
const changes = (before: World, after: World, most = 1000, signal = never) =>
  routingChanges(before, after, most, signal)

function proxy(world: World, hostname: string, owner = "alice"): void {
  fold(world, "proxy", hostname, "ProxyCreated", {
    ...{ hostname, owner, target_url: "http://127.0.0.1:1", cert_name: null, enabled: true },
    ...{ enable_http: true, enable_https: true, preserve_host_header: true, custom_headers: {} },
  })
}

function route(world: World, route_id: string, scope: "global" | "owner", owner: string, path = "/x"): void {
  fold(world, "route", route_id, "RouteCreated", {
    ...{ route_id, path_pattern: path, is_regex: false, target_type: "url", target_value: "http://127.0.0.1:2" },
    ...{ priority: 50, methods: null, enabled: true, scope, proxy_hostnames: [], description: "", owner },
  })
}

function world(hosts = 1): World {
  const made = emptyWorld()
  for (let at = 0; at < hosts; at += 1) proxy(made, `${at}.test`)
  proxy(made, "bob.test", "bob")
  route(made, "all", "global", "admin")
  route(made, "of-alice", "owner", "alice")
  return made
}

test("Nothing differs between a world and its fork, and of a change only the hosts that it reaches", async () => {
  const before = world()
  const after = fork(before)
  expect(await changes(before, after)).toEqual([])
  fold(after, "route", "of-alice", "RouteDeleted", { route_id: "of-alice" })
  expect(await changes(before, after)).toEqual([
    {
      host: "0.test",
      change: "changed",
      fields: [
        {
          path: "routes",
          before: [expect.stringContaining("(of-alice)"), expect.stringContaining("(all)")],
          after: [expect.stringContaining("(all)")],
        },
      ],
    },
  ])
})

test("A host that comes or goes is named, and one whose settings leave its way alone is not", async () => {
  const before = world()
  const after = fork(before)
  fold(after, "proxy", "0.test", "ProxyDeleted", { hostname: "0.test" })
  fold(after, "proxy", "bob.test", "ProxyReassigned", { owner: "admin" })
  proxy(after, "new.test")
  expect((await changes(before, after)).map(({ host, change }) => [host, change])).toEqual([
    ["0.test", "removed"],
    ["new.test", "added"],
  ])
})

test("A change that reaches many hosts lets others be served, ends at its limit, and with whoever asked", async () => {
  const before = world(300)
  for (let at = 0; at < 100; at += 1) route(before, `more-${at}`, "global", "admin", `/${at}`)
  const after = fork(before)
  route(after, "late", "global", "admin", "/late")
  let turns = 0
  let over = false
  const turn = () => {
    turns += 1
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  expect(await changes(before, after)).toHaveLength(301)
  over = true
  expect(turns).toBeGreaterThan(5)
  expect(await changes(before, after, 7)).toHaveLength(7)
  await expect(changes(before, after, 1000, AbortSignal.abort(new Error("left")))).rejects.toThrow("left")
})
