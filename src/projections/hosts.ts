import { type Destination, type Unavailable, proxyDestination } from "./destination.ts"
import { type ResourceProxy, resourcesByProxy } from "./resource.ts"
import { all, find } from "../events/world.ts"
import type { Projections } from "./projections.ts"
import type { StoredEvent } from "../events/envelope.ts"

/** A proxy as the edge routes to it. Replaced, never changed, when anything of it changes. */
export interface RoutedHost {
  readonly proxy: ResourceProxy
  readonly destination: Destination | Unavailable
}

/** Read model: host name → proxy. */
export interface Hosts {
  /** @param hostname lower case, without port */
  get(hostname: string): RoutedHost | undefined
  /** Called with the host that was replaced or removed, after the change. */
  onChange(listener: (hostname: string, previous: RoutedHost | undefined) => void): void
  close(): void
}

/** Follows the proxies of the log with their resources and the instances and services that they lead to; one event changes few entries. */
export function hosts(projections: Projections): Hosts {
  const { world } = projections
  const byName = new Map<string, RoutedHost>()
  const listeners: ((hostname: string, previous: RoutedHost | undefined) => void)[] = []
  let resourcesOf = resourcesByProxy(world)

  function renew(hostname: string): void {
    const proxy = find(world, "proxy", hostname)
    if (proxy === undefined) byName.delete(hostname)
    else
      byName.set(hostname, {
        proxy: { ...proxy, resources: resourcesOf(hostname) },
        destination: proxyDestination(world, proxy),
      })
  }

  function touched(events: readonly StoredEvent[]): Set<string> {
    const of = (kind: string) => new Set(events.filter((event) => event.kind === kind).map(({ id }) => id))
    const names = of("proxy")
    // A service is reached by its own name and by the one that it has in the registry.
    const moved = [...of("service")].flatMap((name) => [`service://${name}`, `instance://docker-${name}`])
    const targets = new Set([...[...of("instance")].map((name) => `instance://${name}`), ...moved])
    if (targets.size > 0)
      for (const { hostname, target_url } of all(world, "proxy")) if (targets.has(target_url)) names.add(hostname)
    const resources = of("resource")
    if (resources.size === 0) return names
    const before = [...byName.values()].flatMap(({ proxy }) => proxy.resources)
    resourcesOf = resourcesByProxy(world)
    for (const { uri, proxy_target } of [...before, ...all(world, "resource")])
      if (resources.has(uri)) names.add(proxy_target)
    return names
  }

  for (const { hostname } of all(world, "proxy")) renew(hostname)
  const stop = projections.listen((events) => {
    for (const hostname of touched(events)) {
      const previous = byName.get(hostname)
      renew(hostname)
      for (const listener of listeners) listener(hostname, previous)
    }
  })
  return {
    get: (hostname) => byName.get(hostname),
    onChange: (listener) => void listeners.push(listener),
    close: stop,
  }
}
