import { type World, all } from "../events/world.ts"
import { type FieldChange, fieldChanges } from "./state-diff.ts"
import { applicableRoutes } from "./route-table.ts"

/** What a host leads to. */
export interface Routing {
  readonly target: string
  readonly enabled: boolean
  readonly http: boolean
  readonly https: boolean
  readonly certificate: string | null
  /** Does it ask for a sign-in? */
  readonly protected: boolean
  /** Routes that apply, in the order of matching. */
  readonly routes: readonly string[]
}

/** How the way of requests to one host differs. */
export interface RoutingChange {
  readonly host: string
  readonly change: "added" | "removed" | "changed"
  readonly fields: readonly FieldChange[]
}

function routingOf(world: World): ReadonlyMap<string, Routing> {
  const routes = [...all(world, "route")]
  return new Map(
    [...all(world, "proxy")].map((proxy) => [
      proxy.hostname,
      {
        target: proxy.target_url,
        enabled: proxy.enabled,
        http: proxy.enable_http,
        https: proxy.enable_https,
        certificate: proxy.cert_name,
        protected: proxy.auth?.auth_enabled ?? false,
        routes: applicableRoutes(routes, proxy).map(
          ({ route_id, path_pattern, methods, target_type, target_value }) =>
            `${methods?.join() ?? "*"} ${path_pattern} → ${target_type} ${target_value} (${route_id})`,
        ),
      },
    ]),
  )
}

/** What differs between two worlds in the way that requests take, host by host. */
export function routingChanges(before: World, after: World): RoutingChange[] {
  const [old, now] = [routingOf(before), routingOf(after)]
  const hosts = [...new Set([...old.keys(), ...now.keys()])].sort()
  return hosts.flatMap((host): RoutingChange[] => {
    const [one, other] = [old.get(host), now.get(host)]
    const fields = fieldChanges(one, other)
    if (one === undefined) return [{ host, change: "added", fields }]
    if (other === undefined) return [{ host, change: "removed", fields }]
    return fields.length === 0 ? [] : [{ host, change: "changed", fields }]
  })
}
