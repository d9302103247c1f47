import type { Destination, Target } from "../projections/destination.ts"
import { type HeaderPolicy, headerLines } from "./headers.ts"
import type { Hosts, RoutedHost } from "../projections/hosts.ts"
import type { UpstreamPool, Upstreams } from "./upstream-pool.ts"
import type { Exchange } from "./exchange.ts"
import { fold } from "./header-names.ts"

/** What forwarding from one proxy to one place needs, worked out once for each version of the proxy. */
export interface UpstreamPlan extends HeaderPolicy {
  readonly target: Target
  readonly pool: UpstreamPool<Exchange>
  /** Lines that the proxy adds; undefined when one cannot be represented. */
  readonly customLines: string | undefined
  /** Host for the backend; undefined keeps the client's. */
  readonly host: string | undefined
}

/** Plans and pools of all proxies. */
export interface UpstreamPlans {
  of(routed: RoutedHost, destination: Destination): UpstreamPlan
}

/** May the token that vouches for a target have this address dialled? */
export type MayDial = (address: string, port: number, owner: string) => boolean

/** Pools of one proxy that are kept before those without a connection are given up. */
const manyPools = 16

/**
 * Plans that follow the proxies. A pool belongs to one proxy and one place and lives as long as the proxy is not changed to
 * lead elsewhere.
 */
export function upstreamPlans(
  hosts: Hosts,
  upstreams: Pick<Upstreams<Exchange>, "pool" | "close">,
  mayDial: MayDial,
): UpstreamPlans {
  const plans = new WeakMap<RoutedHost, WeakMap<Destination, UpstreamPlan>>()
  const pools = new Map<string, Map<string, UpstreamPool<Exchange>>>()
  hosts.onChange((hostname) => {
    const destination = hosts.get(hostname)?.destination
    const own = destination === undefined || typeof destination === "string" ? undefined : placeOf(destination)
    closePools(hostname, (place) => place !== own)
  })

  function closePools(hostname: string, which: (place: string, pool: UpstreamPool<Exchange>) => boolean): void {
    const held = pools.get(hostname)
    for (const [place, pool] of held ?? [])
      if (which(place, pool)) {
        held!.delete(place)
        upstreams.close(pool)
      }
    if (held?.size === 0) pools.delete(hostname)
  }

  function poolOf(hostname: string, { target, owner }: Destination, place: string): UpstreamPool<Exchange> {
    const held = pools.get(hostname)?.get(place)
    if (held !== undefined && !held.closed) return held
    if ((pools.get(hostname)?.size ?? 0) >= manyPools) closePools(hostname, (_, { all }) => all.size === 0)
    const pool = upstreams.pool(target, (address) => mayDial(address, target.port, owner))
    pools.set(hostname, (pools.get(hostname) ?? new Map<string, UpstreamPool<Exchange>>()).set(place, pool))
    return pool
  }

  return {
    of(routed, destination) {
      const known = plans.get(routed)?.get(destination)
      if (known !== undefined && !known.pool.closed) return known
      const { proxy } = routed
      const { target } = destination
      const plan: UpstreamPlan = {
        target,
        pool: poolOf(proxy.hostname, destination, placeOf(destination)),
        customLines: headerLines(Object.entries(proxy.custom_headers).flat()),
        host: proxy.preserve_host_header ? undefined : target.authority,
        ownNames: new Set(Object.keys(proxy.custom_headers).map(fold)),
        ownPrefix: fold(proxy.auth?.auth_header_prefix ?? "x-auth-"),
        cookieName: proxy.auth?.auth_cookie_name ?? null,
      }
      plans.set(routed, (plans.get(routed) ?? new WeakMap<Destination, UpstreamPlan>()).set(destination, plan))
      return plan
    },
  }
}

/** What makes connections interchangeable: the same address, vouched for by the same token. */
function placeOf({ target: { secure, hostname, port }, owner }: Destination): string {
  return `${owner} ${secure} ${hostname} ${port}`
}
