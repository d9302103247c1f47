import * as z from "zod"
import { command, equal, existing, fact, invalid } from "./decision.ts"
import { reaches, RouteId } from "../events/route.ts"
import { type World, find } from "../events/world.ts"
import { GatehouseError } from "../errors.ts"
import { HostName } from "../events/values.ts"
import type { Proxy } from "../events/proxy.ts"
import { ProxyRoutes } from "../events/proxy.ts"
import { ownedProxy } from "./proxy.ts"

/** Route settings of a proxy as a caller gives them; they replace all that there were. */
export const ProxyRoutesRequest = ProxyRoutes.extend({
  enabled_routes: ProxyRoutes.shape.enabled_routes.max(1000).default([]),
  disabled_routes: ProxyRoutes.shape.disabled_routes.max(1000).default([]),
})

const proxy = ({ hostname }: { hostname: string }) => ({ kind: "proxy" as const, id: hostname })

const SetProxyRoutes = command(
  z.strictObject({ hostname: HostName, routes: ProxyRoutesRequest }),
  proxy,
  ({ hostname, routes }, world, context) => {
    const state = ownedProxy(hostname, world, context)
    const enabled_routes = [...new Set(routes.enabled_routes)].sort()
    const disabled_routes = [...new Set(routes.disabled_routes)].sort()
    for (const [path, ids] of Object.entries({ enabled_routes, disabled_routes }))
      for (const id of ids) if (!isHere(id, state, world)) throw invalid(path, `there is no route ${id} for this proxy`)
    const both = enabled_routes.find((id) => disabled_routes.includes(id))
    if (both !== undefined) throw invalid("disabled_routes", `${both} is in both lists`)
    return change(state, { route_mode: routes.route_mode, enabled_routes, disabled_routes })
  },
)

const SwitchProxyRoute = command(
  z.strictObject({ hostname: HostName, route_id: RouteId, on: z.boolean() }),
  proxy,
  ({ hostname, route_id, on }, world, context) => {
    const state = ownedProxy(hostname, world, context)
    if (!isHere(route_id, state, world))
      throw new GatehouseError("not_found", `there is no route ${route_id} for this proxy`)
    if (state.route_mode === "none") throw new GatehouseError("invalid_state", "no routes apply in the mode none")
    // A route of the proxy's own applies in every mode unless it is disabled.
    const own = existing(find(world, "route", route_id), `route ${route_id}`).scope === "proxy"
    const listed = state.route_mode === "selective" && !own
    return change(state, {
      route_mode: state.route_mode,
      enabled_routes: toggled(state.enabled_routes, route_id, listed && on),
      disabled_routes: toggled(state.disabled_routes, route_id, !listed && !on),
    })
  },
)

function isHere(id: string, state: Proxy, world: World): boolean {
  const route = find(world, "route", id)
  return route !== undefined && reaches(route, state)
}

function toggled(ids: readonly string[], id: string, on: boolean): string[] {
  const others = ids.filter((other) => other !== id)
  return on ? [...others, id].sort() : others
}

function change(state: Proxy, next: z.infer<typeof ProxyRoutes>) {
  const { route_mode, enabled_routes, disabled_routes } = state
  if (equal(next, { route_mode, enabled_routes, disabled_routes })) return { events: [] }
  return { events: [fact("proxy", state.hostname, "ProxyRoutesSet", next)] }
}

/** Commands about the routes of one proxy. */
export const proxyRoutesCommands = { SetProxyRoutes, SwitchProxyRoute } as const
