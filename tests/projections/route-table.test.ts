import { cpuTime } from "../support/cpu-time.ts"
import { fc } from "../support/property.ts"
import { type MatchedProxy, applicableRoutes, routeTable } from "../../src/projections/route-table.ts"
import { describe, expect, it } from "vitest"
import type { Route } from "../../src/events/route.ts"

const at = "2026-01-01T00:00:00.000Z"

function route(route_id: string, settings: Partial<Route> = {}): Route {
  return {
    route_id,
    path_pattern: "/",
    is_regex: false,
    target_type: "url",
    target_value: "http://backend.example",
    priority: 50,
    methods: null,
    enabled: true,
    description: "",
    scope: "global",
    proxy_hostnames: [],
    owner: settings.scope === undefined || settings.scope === "global" ? "admin" : "alice",
    created_at: at,
    updated_at: at,
    ...settings,
  }
}

function proxy(settings: Partial<MatchedProxy> = {}): MatchedProxy {
  return { hostname: "a.test", owner: "alice", route_mode: "all", enabled_routes: [], disabled_routes: [], ...settings }
}

/** The rules as the paper has them, one route after the other. */
function reference(routes: readonly Route[], of: MatchedProxy, method: string, path: string): string | undefined {
  const bare = (text: string) => text.replace(/\/$/, "")
  const kind = ({ is_regex, path_pattern }: Route) => {
    if (is_regex) {
      const regex = new RegExp(`^(?:${path_pattern})$`, "s")
      return regex.test(bare(path)) || regex.test(`${bare(path)}/`) ? 2 : undefined
    }
    if (bare(path_pattern) === bare(path)) return 0
    return bare(path).startsWith(`${bare(path_pattern)}/`) ? 1 : undefined
  }
  const scopes = ["proxy", "owner", "global"]
  const visible = (candidate: Route) =>
    (candidate.scope === "global" && of.route_mode !== "none") ||
    (candidate.scope === "owner" && candidate.owner === of.owner && of.route_mode !== "none") ||
    (candidate.scope === "proxy" &&
      candidate.proxy_hostnames.includes(of.hostname) &&
      [of.owner, "admin"].includes(candidate.owner))
  return routes
    .filter((candidate) => candidate.enabled && visible(candidate) && !of.disabled_routes.includes(candidate.route_id))
    .filter(
      ({ route_id, scope }) =>
        scope === "proxy" || of.route_mode !== "selective" || of.enabled_routes.includes(route_id),
    )
    .filter(({ methods }) => methods === null || methods.some((name) => name === method))
    .map((candidate) => ({ candidate, kind: kind(candidate) }))
    .filter((match): match is { candidate: Route; kind: number } => match.kind !== undefined)
    .sort(
      ({ candidate: a, kind: x }, { candidate: b, kind: y }) =>
        b.priority - a.priority ||
        x - y ||
        (a.is_regex
          ? b.path_pattern.length - a.path_pattern.length
          : bare(b.path_pattern).length - bare(a.path_pattern).length) ||
        scopes.indexOf(a.scope) - scopes.indexOf(b.scope) ||
        (a.route_id < b.route_id ? -1 : 1),
    )[0]?.candidate.route_id
}

const host = fc.constantFrom("a.test", "b.test")
const token = fc.constantFrom("alice", "bob", "admin")
const plain = fc.constantFrom("/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/a/bc", "/b", "/b/")
const regex = fc.constantFrom("/.*", "/a/[^/]+", "/[ab]", "/a(/b)?", "/(a|b)/.*")
const method = fc.constantFrom("GET", "POST", "DELETE")
const settings = fc
  .record({
    is_regex: fc.boolean(),
    priority: fc.constantFrom(10, 50, 90),
    methods: fc.option(fc.uniqueArray(method, { minLength: 1 }), { nil: null }),
    enabled: fc.constantFrom(true, true, false),
    scope: fc.constantFrom("global", "owner", "proxy"),
    proxy_hostnames: fc.uniqueArray(host, { minLength: 1 }),
    owner: token,
  })
  .chain((record) => (record.is_regex ? regex : plain).map((path_pattern) => ({ ...record, path_pattern })))

const ids = ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"]
const routes = fc
  .array(settings, { maxLength: 8 })
  .map((list) =>
    list.map((entry, index) => route(ids[index]!, entry.scope === "proxy" ? entry : { ...entry, proxy_hostnames: [] })),
  )
const someProxy = fc.record({
  hostname: host,
  owner: token,
  route_mode: fc.constantFrom("all", "selective", "none"),
  enabled_routes: fc.subarray(ids.slice(0, 4)),
  disabled_routes: fc.subarray(ids.slice(4)),
}) as fc.Arbitrary<MatchedProxy>
const path = fc.constantFrom(
  "/",
  "/a",
  "/a/",
  "/a/b",
  "/a/b/",
  "/a/b/c",
  "/a/b/c/d",
  "/ab",
  "/b",
  "/b/x",
  "/a/bc",
  "/A",
  "/a/b%2B",
)

let seen = 0
const counting = <T>(value: T): T => {
  seen += 1
  return value
}

/** A route each of whose members is counted when it is read. */
const watched = (of: Route): Route => new Proxy(of, { get: (target, name) => counting(Reflect.get(target, name)) })

/** How often something reads a member of a watched route, looks into a map, or goes through one. */
function looks(run: () => void): number {
  const { get, has, keys, values, entries, forEach, [Symbol.iterator]: iterate } = Map.prototype // oxlint-disable-line typescript/unbound-method
  seen = 0
  const own = { get, has, keys, values, entries, forEach, [Symbol.iterator]: iterate }
  for (const name of Reflect.ownKeys(own) as (keyof typeof own)[]) {
    const kept = own[name] as (...args: unknown[]) => unknown
    Reflect.set(Map.prototype, name, function counted(this: unknown, ...args: unknown[]) {
      // To go through it is to look at each.
      seen += name === "get" || name === "has" ? 1 : (this as Map<unknown, unknown>).size
      return kept.apply(this, args)
    })
  }
  try {
    run()
  } finally {
    Object.assign(Map.prototype, own)
  }
  return seen
}

describe("the route table", () => {
  it("matches as the rules say, in whatever order the routes came and whatever was there before", () => {
    fc.assert(
      fc.property(
        routes,
        routes,
        someProxy,
        fc.array(fc.tuple(method, path), { minLength: 5 }),
        fc.nat(),
        (list, earlier, of, requests, turn) => {
          const turned = [...list.slice(turn % (list.length + 1)), ...list.slice(0, turn % (list.length + 1))]
          const grown = routeTable(earlier)
          for (const { route_id } of earlier.slice(0, 3)) grown.put(route_id, undefined)
          for (const entry of turned) grown.put(entry.route_id, entry)
          for (const { route_id } of earlier)
            if (!list.some((entry) => entry.route_id === route_id)) grown.put(route_id, undefined)
          const fresh = routeTable(list.toReversed())
          for (const [verb, text] of requests) {
            const wanted = reference(list, of, verb, text)
            expect(fresh.match(of, verb, text)?.route_id, `${verb} ${text}`).toBe(wanted)
            expect(grown.match(of, verb, text)?.route_id, `${verb} ${text}`).toBe(wanted)
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  it("lists what applies in the order in which it is matched", () => {
    const list = [
      route("zero", { path_pattern: "/a" }),
      route("one", { path_pattern: "/a/.*", is_regex: true }),
      route("two", { path_pattern: "/a/b" }),
      route("three", { path_pattern: "/", priority: 90 }),
      route("four", { path_pattern: "/a", scope: "owner" }),
      route("five", { path_pattern: "/a/", scope: "proxy", proxy_hostnames: ["a.test"] }),
      route("six", { path_pattern: "/a", scope: "owner", owner: "bob" }),
      route("seven", { path_pattern: "/a", enabled: false }),
      route("eight", { path_pattern: "/c" }),
    ]
    const of = proxy({ disabled_routes: ["eight"] })
    expect(applicableRoutes(list, of).map(({ route_id }) => route_id)).toEqual([
      "three",
      "two",
      "five",
      "four",
      "zero",
      "one",
    ])
  })

  it("never matches part of a segment, another case, or through an escape", () => {
    const table = routeTable([route("api", { path_pattern: "/api" })])
    for (const text of ["/apix", "/API", "/ap", "/x/api", "/api%2Fx", "/"])
      expect(table.match(proxy(), "GET", text)).toBeUndefined()
    for (const text of ["/api", "/api/", "/api/x", "/api/x/"])
      expect(table.match(proxy(), "GET", text)?.route_id).toBe("api")
  })

  it("keeps an owner's routes off other owners' proxies, also by name", () => {
    const table = routeTable([
      route("theirs", { scope: "proxy", proxy_hostnames: ["a.test"], owner: "bob" }),
      route("all-theirs", { scope: "owner", owner: "bob" }),
    ])
    expect(table.match(proxy(), "GET", "/x")).toBeUndefined()
    expect(table.match(proxy({ owner: "bob" }), "GET", "/x")?.route_id).toBe("theirs")
  })

  it("costs a request with 10,000 routes hardly more than with 10", () => {
    const many = (count: number) =>
      routeTable(
        Array.from({ length: count }, (_, index) => {
          const scopes = ["global", "owner", "proxy"] as const
          const scope = scopes[index % 3]!
          return watched(
            route(`r${index}`, {
              path_pattern: `/svc${index}/v${index % 7}`,
              scope,
              owner: scope === "global" ? "admin" : `owner${index % 1000}`,
              proxy_hostnames: scope === "proxy" ? [`h${index % 1000}.test`] : [],
            }),
          )
        }),
      )
    const of = proxy({ hostname: "h5.test", owner: "owner5" })
    const [few, lots] = [many(10), many(10_000)]
    for (const path of ["/svc3/v3/items/42", "/svc6/v6", "/other/path/of/five/segments", "/"]) {
      const [small, large] = [looks(() => few.match(of, "GET", path)), looks(() => lots.match(of, "GET", path))]
      expect(small, path).toBeGreaterThan(0)
      // The owner has routes only among the many.
      expect(large, path).toBeLessThanOrEqual(small + 5)
    }
  })

  it("is not slowed down by a path of many segments", () => {
    const table = routeTable([
      route("deep", { path_pattern: "/a/a/a" }),
      route("any", { path_pattern: "/a/.*x", is_regex: true }),
    ])
    const long = "/a".repeat(4096)
    expect(cpuTime(() => expect(table.match(proxy(), "GET", long)?.route_id).toBe("deep"))).toBeLessThan(5)
  })
})
