import { type World, all, find } from "../events/world.ts"
import type { Proxy } from "../events/proxy.ts"
import type { Route } from "../events/route.ts"
import { type FieldChange, fieldChanges } from "./state-diff.ts"
import { applicableRoutes } from "./route-table.ts"
import { setImmediate } from "node:timers/promises"

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

function routingOf(proxy: Proxy, routes: readonly Route[]): Routing {
  return {
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
  }
}

/** Routes and hosts that are looked at before others are served. */
const atOnce = 5000

/**
 * What differs between two worlds in the way that requests take, host by host. Takes a while where there is much; neither world may
 * change meanwhile.
 * @param most changes that are looked for
 * @param signal rejects with its reason
 */
export async function routingChanges(
  before: World,
  after: World,
  most: number,
  signal: AbortSignal,
): Promise<RoutingChange[]> {
  const [old, now] = [[...all(before, "route")], [...all(after, "route")]]
  const moved = [...differing(old, now), ...differing(now, old)]
  const hosts = new Set([...all(before, "proxy"), ...all(after, "proxy")].map(({ hostname }) => hostname))
  const changes: RoutingChange[] = []
  let looked = 0
  for (const host of [...hosts].sort()) {
    if (changes.length >= most) break
    looked += 1 + moved.length
    const [one, other] = [find(before, "proxy", host), find(after, "proxy", host)]
    if (one !== other || applicableRoutes(moved, one!).length > 0) {
      looked += old.length + now.length
      const fields = fieldChanges(one && routingOf(one, old), other && routingOf(other, now))
      const change = one === undefined ? "added" : other === undefined ? "removed" : "changed"
      if (fields.length > 0 || change !== "changed") changes.push({ host, change, fields })
    }
    if (looked < atOnce) continue
    looked = 0
    await setImmediate()
    signal.throwIfAborted()
  }
  return changes
}

/** States are shared between forks: what is the same is the same object. */
function differing(some: readonly Route[], others: readonly Route[]): Route[] {
  const known = new Set(others)
  return some.filter((route) => !known.has(route))
}
