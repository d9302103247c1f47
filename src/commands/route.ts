import * as z from "zod"
import { type Route, RouteId, RouteSettings } from "../events/route.ts"
import { type World, all, find } from "../events/world.ts"
import { checkRouteTarget } from "./target.ts"
import { command, equal, existing, fact, invalid, requireAdmin, requireOwner } from "./decision.ts"
import { nextOwner, ownerOf } from "./ownership.ts"
import { pathPatternError, withoutTrailingSlash } from "../events/path-pattern.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { pathRegex } from "../events/path-regex.ts"
import { removal } from "./removal.ts"

/** Regular expressions of one owner: each may have to be run for a request. */
const mostRegexRoutes = 100

/** Methods in any case; none, and `*`, are all. */
function methodList(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const names = [...new Set(value.map((name: unknown) => (typeof name === "string" ? name.toUpperCase() : name)))]
  const everything = names.length === 0 || (names.length === 1 && names[0] === "*")
  return everything ? null : names.sort((a, b) => (String(a) < String(b) ? -1 : 1))
}

/** Settings of a route as a caller gives them. */
export const RouteFields = RouteSettings.extend({
  target_value: z.union([z.string().trim().min(1).max(2048), z.int().min(1).max(65_535)]).transform(String),
  methods: z.preprocess(methodList, RouteSettings.shape.methods),
  proxy_hostnames: RouteSettings.shape.proxy_hostnames.max(1000),
})

/** A new route as its caller describes it. */
export const RouteRequest = RouteFields.extend({
  route_id: RouteId,
  is_regex: z.boolean().default(false),
  priority: RouteFields.shape.priority.default(50),
  methods: RouteFields.shape.methods.default(null),
  enabled: z.boolean().default(true),
  description: RouteFields.shape.description.default(""),
  scope: RouteFields.shape.scope.optional(),
  proxy_hostnames: RouteFields.shape.proxy_hostnames.default([]),
  owner: z.string().max(64).optional(),
})

const route = ({ route_id }: { route_id: string }) => ({ kind: "route" as const, id: route_id })

/** Start of an id for a route that was given none: its path in the characters of an id. */
export function routeSlug(pattern: string): string {
  const slug = pattern
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 48)
    .replaceAll(/^-+|-+$/g, "")
  return slug === "" ? "root" : slug.replace(/^oauth(?=-|$)/, "route-oauth")
}

type Settings = z.infer<typeof RouteSettings>

const CreateRoute = command(RouteRequest, route, (data, world, context) => {
  const { owner: asked, route_id, ...request } = data
  const owner = ownerOf(asked, world, context)
  // Records of what is built in on an OAuth host, which is no proxy; they are for that host alone.
  const builtIn = route_id.startsWith("oauth-")
  if (route_id === "formatted" || (builtIn && context.actor.token !== undefined))
    throw new GatehouseError("reserved_name", `${route_id} is reserved`)
  if (find(world, "route", route_id) !== undefined)
    throw new GatehouseError("already_exists", `there is a route ${route_id} already`)
  const usual = request.proxy_hostnames.length > 0 ? "proxy" : owner === "admin" ? "global" : "owner"
  const settings: Settings = { ...request, scope: request.scope ?? usual }
  checkPattern(settings)
  if (!builtIn) checkScope(settings, owner, world, context)
  refuseTooManyRegexes(settings, owner, world)
  refuseDuplicate({ ...settings, route_id, owner }, world)
  const target_value = builtIn ? settings.target_value : checkRouteTarget({ ...settings, owner }, world, context)
  return {
    events: [fact("route", route_id, "RouteCreated", { ...settings, target_value, route_id, owner })],
    result: { route_id },
  }
})

const UpdateRoute = command(
  z.strictObject({ route_id: RouteId, changes: RouteFields.partial(), owner: z.string().max(64).optional() }),
  route,
  ({ route_id, changes, owner: asked }, world, context) => {
    const state = existing(find(world, "route", route_id), `route ${route_id}`)
    requireOwner(context, state.owner)
    const owner = nextOwner(asked, state.owner, world, context)
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
    // Hosts belong to their scope: whoever leaves it need not clear them.
    const hosts = given["scope"] !== undefined && given["scope"] !== "proxy" ? { proxy_hostnames: [] } : {}
    const next: Route = { ...state, ...hosts, ...given, owner }
    const keys = Object.keys(RouteSettings.shape) as (keyof Settings)[]
    const differs = (...names: (keyof Settings)[]) =>
      owner !== state.owner || names.some((name) => !equal(next[name], state[name]))
    if (differs("path_pattern", "is_regex")) checkPattern(next)
    if (differs("scope", "proxy_hostnames")) checkScope(next, owner, world, context)
    if (differs("is_regex") && !state.is_regex) refuseTooManyRegexes(next, owner, world)
    if (differs("path_pattern", "is_regex", "priority", "methods", "scope", "proxy_hostnames"))
      refuseDuplicate(next, world)
    const target_value = differs("target_type", "target_value", "scope", "proxy_hostnames")
      ? checkRouteTarget(next, world, context)
      : state.target_value
    const settled = { ...next, target_value }
    const changed = keys.filter((key) => !equal(settled[key], state[key]))
    return {
      events: [
        ...(changed.length === 0
          ? []
          : [fact("route", route_id, "RouteUpdated", Object.fromEntries(changed.map((key) => [key, settled[key]])))]),
        ...(owner === state.owner ? [] : [fact("route", route_id, "RouteReassigned", { owner })]),
      ],
    }
  },
)

const DeleteRoute = command(
  z.strictObject({ route_id: RouteId, force: z.boolean().default(false) }),
  route,
  ({ route_id, force }, world, context) => {
    const state = existing(find(world, "route", route_id), `route ${route_id}`)
    requireOwner(context, state.owner)
    if (route_id.startsWith("oauth-")) {
      requireAdmin(context)
      if (!force) throw new GatehouseError("protected", `${route_id} is a built-in route; only force removes it`)
    }
    return { events: removal({ routes: [route_id] }, world).events }
  },
)

/** @throws GatehouseError `validation_failed`, `unsupported_regex` */
function checkPattern({ path_pattern, is_regex }: Pick<Settings, "path_pattern" | "is_regex">): void {
  if (is_regex) {
    if (!/^\^?\//.test(path_pattern)) throw invalid("path_pattern", "must start with /")
    pathRegex(path_pattern)
    return
  }
  const problem = pathPatternError(path_pattern)
  if (problem !== undefined) throw invalid("path_pattern", problem)
}

/** @throws GatehouseError `global_admin_only`, `validation_failed`, `not_owner` */
function checkScope(
  { scope, proxy_hostnames }: Pick<Settings, "scope" | "proxy_hostnames">,
  owner: string,
  world: World,
  context: Context,
): void {
  if (scope === "global") {
    if (!context.actor.admin) throw new GatehouseError("global_admin_only")
    if (owner !== "admin") throw invalid("scope", "a global route belongs to the administrator")
  }
  if (scope !== "proxy") {
    if (proxy_hostnames.length > 0) throw invalid("proxy_hostnames", "is only for the scope proxy")
    return
  }
  if (proxy_hostnames.length === 0) throw invalid("proxy_hostnames", "must name at least one proxy")
  if (new Set(proxy_hostnames).size < proxy_hostnames.length) throw invalid("proxy_hostnames", "names a proxy twice")
  for (const hostname of proxy_hostnames) {
    const proxy = find(world, "proxy", hostname)
    if (proxy === undefined) throw invalid("proxy_hostnames", `there is no proxy ${hostname}`)
    if (owner !== "admin" && proxy.owner !== owner)
      throw new GatehouseError("not_owner", `proxy_hostnames: ${hostname} belongs to another token`)
  }
}

function refuseTooManyRegexes({ is_regex }: Pick<Settings, "is_regex">, owner: string, world: World): void {
  if (!is_regex || owner === "admin") return
  const held = [...all(world, "route")].filter((other) => other.owner === owner && other.is_regex)
  if (held.length >= mostRegexRoutes)
    throw invalid("is_regex", `a token may have ${mostRegexRoutes} routes with regular expressions`)
}

/** @throws GatehouseError `already_exists` for a route that could match the same request with the same right */
function refuseDuplicate(route: Omit<Route, "created_at" | "updated_at">, world: World): void {
  for (const other of all(world, "route"))
    if (
      other.route_id !== route.route_id &&
      sameReach(route, other) &&
      samePaths(route, other) &&
      sharedMethods(route, other)
    )
      throw new GatehouseError("already_exists", `the route ${other.route_id} is the same`, {
        references: [other.route_id],
      })
}

type Compared = Pick<
  Route,
  "scope" | "owner" | "proxy_hostnames" | "path_pattern" | "is_regex" | "priority" | "methods"
>

function sameReach(a: Compared, b: Compared): boolean {
  if (a.scope !== b.scope) return false
  if (a.scope === "owner") return a.owner === b.owner
  return a.scope === "global" || a.proxy_hostnames.some((hostname) => b.proxy_hostnames.includes(hostname))
}

function samePaths(a: Compared, b: Compared): boolean {
  if (a.is_regex !== b.is_regex || a.priority !== b.priority) return false
  if (a.is_regex) return a.path_pattern === b.path_pattern
  return withoutTrailingSlash(a.path_pattern) === withoutTrailingSlash(b.path_pattern)
}

function sharedMethods({ methods: a }: Compared, { methods: b }: Compared): boolean {
  return a === null || b === null || a.some((method) => b.includes(method))
}

/** Commands about routes. */
export const routeCommands = { CreateRoute, UpdateRoute, DeleteRoute } as const
