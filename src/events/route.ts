import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { HostName } from "./values.ts"

/** Id of a route: chosen by its author, or made from its path. */
export const RouteId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "1 to 64 of a-z 0-9 -, first a letter or digit")

/** What a route leads to; `target_value` is a port, a name in the registry, a host name, a URL or the name of a service. */
export const TargetType = z.enum(["port", "instance", "hostname", "url", "service"])

/** Which proxies a route is for: all, those of its owner, or those that it names. */
export const RouteScope = z.enum(["global", "owner", "proxy"])

/** Methods that the edge takes (RFC 9110 §9, RFC 5789). */
const Method = z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

/** Settings of a route. */
export const RouteSettings = z.strictObject({
  /** Matched per segment, or a regular expression for the whole path. */
  path_pattern: z.string().min(1).max(1024),
  is_regex: z.boolean(),
  target_type: TargetType,
  target_value: z.string().min(1).max(2048),
  /** Higher first. */
  priority: z.number().int().min(0).max(999),
  /** `null`: all. */
  methods: z.array(Method).min(1).nullable(),
  enabled: z.boolean(),
  description: z.string().max(500),
  scope: RouteScope,
  /** For the scope `proxy`; else empty. */
  proxy_hostnames: z.array(HostName),
})

/** Events of a route; the aggregate's id is its route id. */
export const routeEvents = {
  RouteCreated: RouteSettings.extend({ route_id: RouteId, owner: z.string() }),
  RouteUpdated: RouteSettings.partial(),
  RouteReassigned: z.strictObject({ owner: z.string() }),
  RouteDeleted: z.strictObject({ route_id: RouteId }),
} as const

/** Event of a route. */
export type RouteEvent = EventOf<typeof routeEvents>

/** A rule that sends some paths of some proxies elsewhere than the proxy's own target. */
export interface Route extends Readonly<z.infer<typeof routeEvents.RouteCreated>> {
  readonly created_at: string
  readonly updated_at: string
}

/** Folds a route's events. */
export const evolveRoute: Evolve<Route, RouteEvent> = (state, event, at) => {
  if (event.type === "RouteCreated") return { ...event.data, created_at: at, updated_at: at }
  if (state === undefined) return undefined
  switch (event.type) {
    case "RouteUpdated":
    case "RouteReassigned":
      return { ...state, ...(event.data as Partial<Route>), updated_at: at }
    case "RouteDeleted":
      return undefined
  }
}

/**
 * Is the route for this proxy, as far as the route tells? An owner's routes reach that owner's proxies only; those of
 * administrators may be for any.
 */
export function reaches(
  route: Pick<Route, "scope" | "owner" | "proxy_hostnames">,
  proxy: { readonly hostname: string; readonly owner: string },
): boolean {
  switch (route.scope) {
    case "global":
      return true
    case "owner":
      return route.owner === proxy.owner
    case "proxy":
      return (route.owner === proxy.owner || route.owner === "admin") && route.proxy_hostnames.includes(proxy.hostname)
  }
}
