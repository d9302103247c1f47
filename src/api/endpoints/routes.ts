import * as z from "zod"
import type { Caller } from "../caller.ts"
import { endpoint } from "../endpoint.ts"
import { type Route, RouteId, RouteScope, TargetType } from "../../events/route.ts"
import { RouteFields, RouteRequest, routeSlug } from "../../commands/route.ts"
import { RouteView, routeView } from "../../projections/views/route.ts"
import { all, find } from "../../events/world.ts"
import { filterFlag, flag, listOf, listPage, listQuery } from "../list.ts"
import { versionOf, write } from "../write.ts"
import type { Call } from "../endpoint.ts"
import { GatehouseError } from "../../errors.ts"
import { inMatchOrder } from "../../projections/route-table.ts"
import { mayRead } from "../access.ts"
import { randomBytes } from "node:crypto"

const tag = "routes"
const base = "/api/v1/routes"
const Named = z.strictObject({ route_id: RouteId })

/** Owners see their own routes and the global ones. */
function maySee(caller: Caller, { scope, owner }: Route): boolean {
  return scope === "global" || mayRead(caller, owner)
}

/** @throws GatehouseError `not_found`, `not_owner` */
function shown(call: Call, route_id: string) {
  const { world } = call.api.projections
  const route = find(world, "route", route_id)
  if (route === undefined) throw new GatehouseError("not_found", `there is no route ${route_id}`)
  if (!maySee(call.caller, route)) throw new GatehouseError("not_owner")
  return { body: routeView(route, world), version: versionOf(call, "route", route_id) }
}

const writeErrors = [
  "not_owner",
  "admin_required",
  "global_admin_only",
  "already_exists",
  "unsupported_regex",
  "forbidden_target",
] as const

const listRoutes = endpoint({
  method: "GET",
  path: base,
  operationId: "listRoutes",
  tag,
  summary: "List routes in the order of matching: the caller's own and the global ones, or all for an administrator.",
  who: "any",
  query: listQuery(["match", "route_id", "path_pattern", "priority", "created_at"]).extend({
    enabled: filterFlag(),
    scope: RouteScope.optional(),
    target_type: TargetType.optional(),
  }),
  status: 200,
  response: listOf("routes", RouteView),
  handler({ api, caller, query }) {
    const { world } = api.projections
    const found = [...all(world, "route")]
      .filter((route) => maySee(caller, route))
      .filter(({ enabled }) => query.enabled === undefined || enabled === query.enabled)
      .filter(({ scope }) => query.scope === undefined || scope === query.scope)
      .filter(({ target_type }) => query.target_type === undefined || target_type === query.target_type)
      .sort(inMatchOrder)
    const place = new Map(found.map((route, index) => [route, index]))
    const { sort_by } = query
    return {
      body: listPage(
        "routes",
        found,
        query,
        (route) => (sort_by === "match" ? place.get(route)! : route[sort_by]),
        ({ route_id }) => route_id,
        (route) => routeView(route, world),
      ),
    }
  },
})

const createRoute = endpoint({
  method: "POST",
  path: base,
  operationId: "createRoute",
  tag,
  summary: "Create a route: which paths of which proxies lead where.",
  who: "any",
  body: RouteRequest.partial({ route_id: true }),
  status: 201,
  response: RouteView,
  errors: [...writeErrors, "reserved_name"],
  handler(call) {
    const { route_id = `${routeSlug(call.body.path_pattern)}-${randomBytes(4).toString("hex")}`, ...settings } =
      call.body
    const command = { type: "CreateRoute", data: { route_id, ...settings }, asked: call.body }
    return write<{ route_id: string }>(call, command, ({ result }) => ({
      ...shown(call, result.route_id),
      headers: { location: `${base}/${result.route_id}` },
    }))
  },
})

const showRoute = endpoint({
  method: "GET",
  path: `${base}/{route_id}`,
  operationId: "getRoute",
  tag,
  summary: "Show a route.",
  who: "any",
  params: Named,
  status: 200,
  response: RouteView,
  errors: ["not_owner"],
  handler: (call) => shown(call, call.params.route_id),
})

const updateRoute = endpoint({
  method: "PUT",
  path: `${base}/{route_id}`,
  operationId: "updateRoute",
  tag,
  summary: "Change settings of a route; what is left out stays.",
  who: "owner",
  params: Named,
  body: RouteFields.partial().extend({ owner: z.string().max(64).optional() }),
  unknownField: (name) => (name === "route_id" ? "cannot be changed" : undefined),
  status: 200,
  response: RouteView,
  errors: writeErrors,
  handler(call) {
    const { owner, ...changes } = call.body
    const data = { ...call.params, changes, owner }
    return write(call, { type: "UpdateRoute", data }, () => shown(call, call.params.route_id))
  },
})

const deleteRoute = endpoint({
  method: "DELETE",
  path: `${base}/{route_id}`,
  operationId: "deleteRoute",
  tag,
  summary: "Delete a route; force is for built-in ones.",
  who: "owner",
  params: Named,
  query: z.strictObject({ force: flag(false) }),
  status: 204,
  response: z.undefined(),
  errors: ["not_owner", "admin_required", "protected"],
  handler: (call) => write(call, { type: "DeleteRoute", data: { ...call.params, ...call.query } }, () => ({})),
})

const switching = (method: "PUT" | "POST", enabled: boolean) => {
  const verb = enabled ? "enable" : "disable"
  return endpoint({
    method,
    path: `${base}/{route_id}/${verb}`,
    operationId: `${verb}Route${method === "POST" ? "ByPost" : ""}`,
    tag,
    summary: enabled ? "Switch a route on." : "Switch a route off.",
    who: "owner",
    params: Named,
    status: 200,
    response: RouteView,
    errors: ["not_owner"],
    handler: (call) =>
      write(call, { type: "UpdateRoute", data: { ...call.params, changes: { enabled } } }, () =>
        shown(call, call.params.route_id),
      ),
  })
}

/** Endpoints about routes. */
export const routeEndpoints = [
  listRoutes,
  createRoute,
  showRoute,
  updateRoute,
  deleteRoute,
  switching("PUT", true),
  switching("PUT", false),
  switching("POST", true),
  switching("POST", false),
]
