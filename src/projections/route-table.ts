import { type Route, reaches } from "../events/route.ts"
import type { PathRegex } from "../events/path-regex.ts"
import type { Proxy } from "../events/proxy.ts"
import { pathRegex } from "../events/path-regex.ts"
import { withoutTrailingSlash } from "../events/path-pattern.ts"

/** What matching needs to know of a proxy. */
export type MatchedProxy = Pick<Proxy, "hostname" | "owner" | "route_mode" | "enabled_routes" | "disabled_routes">

/** Routes, ordered and indexed for matching. What a match costs depends on the path, not on the number of routes. */
export interface RouteTable {
  /** Adds, replaces or, with `undefined`, removes a route. */
  put(id: string, route: Route | undefined): void
  /** The route of a request, or undefined when the proxy's own target is meant. @param path canonical */
  match(proxy: MatchedProxy, method: string, path: string): Route | undefined
}

const scopeOrder = { proxy: 0, owner: 1, global: 2 } as const

const length = ({ is_regex, path_pattern }: Route) =>
  is_regex ? path_pattern.length : withoutTrailingSlash(path_pattern).length

/**
 * The total order of matching: priority, then plain patterns before regular expressions, longer before shorter (so that an
 * exact path comes before a prefix), proxy before owner before global, and the lowest id.
 */
export function inMatchOrder(a: Route, b: Route): number {
  return (
    b.priority - a.priority ||
    Number(a.is_regex) - Number(b.is_regex) ||
    length(b) - length(a) ||
    scopeOrder[a.scope] - scopeOrder[b.scope] ||
    (a.route_id < b.route_id ? -1 : a.route_id > b.route_id ? 1 : 0)
  )
}

/** Does a route apply to a proxy: is it on, for this proxy, and not switched off there? */
function applies(route: Route, proxy: MatchedProxy): boolean {
  const { route_mode, enabled_routes, disabled_routes } = proxy
  if (!route.enabled || !reaches(route, proxy)) return false
  if (route.scope === "proxy" || route_mode === "all") return !disabled_routes.includes(route.route_id)
  return route_mode === "selective" && enabled_routes.includes(route.route_id)
}

/** The routes that apply to a proxy, in the order of matching. */
export function applicableRoutes(routes: Iterable<Route>, proxy: MatchedProxy): Route[] {
  return [...routes].filter((route) => applies(route, proxy)).sort(inMatchOrder)
}

/** One segment of plain patterns. Routes in the order of matching. */
interface Segment {
  readonly routes: Route[]
  readonly below: Map<string, Segment>
}

/** A route with a regular expression, which is compiled when it is first needed. */
interface RegexRoute {
  readonly route: Route
  compiled: PathRegex | undefined
}

/** Routes with one reach: all global ones, those of one owner, or those of one proxy. */
interface Group {
  readonly root: Segment
  readonly regexes: RegexRoute[]
}

const segment = (): Segment => ({ routes: [], below: new Map() })

/** A table of these routes; the same whatever their order. */
export function routeTable(routes: Iterable<Route> = []): RouteTable {
  const known = new Map<string, Route>()
  const everywhere: Group = { root: segment(), regexes: [] }
  const byOwner = new Map<string, Group>()
  const byProxy = new Map<string, Group>()

  function* groupsOf({ scope, owner, proxy_hostnames }: Route): Generator<Group> {
    if (scope === "global") yield everywhere
    else if (scope === "owner") yield named(byOwner, owner)
    else for (const hostname of proxy_hostnames) yield named(byProxy, hostname)
  }

  function put(id: string, route: Route | undefined): void {
    const previous = known.get(id)
    known.delete(id)
    if (previous?.enabled === true) for (const group of groupsOf(previous)) remove(group, previous)
    if (route === undefined) return
    known.set(id, route)
    if (!route.enabled) return
    const entry: RegexRoute = { route, compiled: undefined }
    for (const group of groupsOf(route)) insert(group, entry)
  }

  function match(proxy: MatchedProxy, method: string, path: string): Route | undefined {
    if (known.size === 0) return undefined
    const fits = (route: Route) =>
      (route.methods === null || (route.methods as string[]).includes(method)) && applies(route, proxy)
    const own = best(byProxy.get(proxy.hostname), path, fits, undefined)
    if (proxy.route_mode === "none") return own
    return best(everywhere, path, fits, best(byOwner.get(proxy.owner), path, fits, own))
  }

  for (const route of routes) put(route.route_id, route)
  return { put, match }
}

function named(groups: Map<string, Group>, name: string): Group {
  const found = groups.get(name) ?? { root: segment(), regexes: [] }
  groups.set(name, found)
  return found
}

const segmentsOf = (pattern: string) => withoutTrailingSlash(pattern).split("/").slice(1)

function insert({ root, regexes }: Group, entry: RegexRoute): void {
  const { route } = entry
  if (route.is_regex) return insertSorted(regexes, entry, (other) => other.route)
  let at = root
  for (const name of segmentsOf(route.path_pattern)) {
    const next = at.below.get(name) ?? segment()
    at.below.set(name, next)
    at = next
  }
  insertSorted(at.routes, route, (other) => other)
}

function insertSorted<T>(list: T[], item: T, routeOf: (item: T) => Route): void {
  let [low, high] = [0, list.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (inMatchOrder(routeOf(list[middle]!), routeOf(item)) < 0) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, item)
}

function remove({ root, regexes }: Group, route: Route): void {
  if (route.is_regex) return removeFrom(regexes, (entry) => entry.route === route)
  const way: [above: Segment, name: string][] = []
  let at = root
  for (const name of segmentsOf(route.path_pattern)) {
    way.push([at, name])
    at = at.below.get(name)!
  }
  removeFrom(at.routes, (entry) => entry === route)
  for (const [above, name] of way.reverse()) {
    const { routes, below } = above.below.get(name)!
    if (routes.length > 0 || below.size > 0) return
    above.below.delete(name)
  }
}

function removeFrom<T>(list: T[], is: (item: T) => boolean): void {
  list.splice(list.findIndex(is), 1)
}

/** The best of one group that is also better than what was found before. */
function best(
  group: Group | undefined,
  path: string,
  fits: (route: Route) => boolean,
  found: Route | undefined,
): Route | undefined {
  if (group === undefined) return found
  let chosen = found
  const consider = (routes: readonly Route[]) => {
    for (const route of routes) {
      if (chosen !== undefined && inMatchOrder(chosen, route) < 0) return
      if (fits(route)) {
        chosen = route
        return
      }
    }
  }
  consider(group.root.routes)
  // Segment by segment, as far as patterns go; a slash at the end begins no segment.
  for (let at: Segment | undefined = group.root, start = 1; at.below.size > 0 && start < path.length;) {
    const slash = path.indexOf("/", start)
    const end = slash === -1 ? path.length : slash
    at = at.below.get(path.slice(start, end))
    if (at === undefined) break
    consider(at.routes)
    start = end + 1
  }
  for (const entry of group.regexes) {
    const { route } = entry
    if (chosen !== undefined && inMatchOrder(chosen, route) < 0) break
    if (!fits(route)) continue
    entry.compiled ??= pathRegex(route.path_pattern)
    if (!entry.compiled.matches(path)) continue
    chosen = route
    break
  }
  return chosen
}
