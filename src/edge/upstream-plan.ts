import type { Hosts, RoutedHost, Target } from "../projections/hosts.ts"
import type { UpstreamPool, Upstreams } from "./upstream-pool.ts"
import { fold } from "./header-names.ts"
import { type HeaderPolicy, headerLines } from "./headers.ts"
import type { Exchange } from "./exchange.ts"
import type { Proxy } from "../events/proxy.ts"

/** What forwarding to one proxy needs, worked out once for each version of the proxy. */
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
  /** @returns undefined when the proxy's target cannot be dialled */
  of(routed: RoutedHost): UpstreamPlan | undefined
}

/**
 * Plans that follow the proxies: a pool lives as long as its proxy has that target, whatever else changes.
 * @param mayDial policy for one address of a proxy's target
 */
export function upstreamPlans(
  hosts: Hosts,
  upstreams: Pick<Upstreams<Exchange>, "pool" | "close">,
  mayDial: (address: string, proxy: Proxy) => boolean,
): UpstreamPlans {
  const plans = new WeakMap<RoutedHost, UpstreamPlan>()
  const pools = new Map<string, { readonly target: Target; readonly pool: UpstreamPool<Exchange> }>()
  hosts.onChange((hostname) => {
    const held = pools.get(hostname)
    const target = hosts.get(hostname)?.target
    if (held === undefined || (target !== undefined && samePlace(held.target, target))) return
    pools.delete(hostname)
    upstreams.close(held.pool)
  })
  function poolOf(proxy: Proxy, target: Target): UpstreamPool<Exchange> {
    const held = pools.get(proxy.hostname)
    if (held !== undefined && !held.pool.closed) return held.pool
    const pool = upstreams.pool(target, (address) => mayDial(address, hosts.get(proxy.hostname)?.proxy ?? proxy))
    pools.set(proxy.hostname, { target, pool })
    return pool
  }
  return {
    of(routed) {
      const known = plans.get(routed)
      if (known !== undefined) return known
      const { proxy, target } = routed
      if (target === undefined) return undefined
      const plan: UpstreamPlan = {
        target,
        pool: poolOf(proxy, target),
        customLines: headerLines(Object.entries(proxy.custom_headers).flat()),
        host: proxy.preserve_host_header ? undefined : target.authority,
        ownNames: new Set(Object.keys(proxy.custom_headers).map(fold)),
        ownPrefix: fold(proxy.auth?.auth_header_prefix ?? "x-auth-"),
        cookieName: proxy.auth?.auth_cookie_name ?? null,
      }
      plans.set(routed, plan)
      return plan
    },
  }
}

const samePlace = (a: Target, b: Target) => a.secure === b.secure && a.hostname === b.hostname && a.port === b.port
