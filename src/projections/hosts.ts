import { type Destination, type Unavailable, proxyDestination } from "./destination.ts"
import { type ResourceProxy, withResources } from "./resource.ts"
import type { Proxy } from "../events/proxy.ts"
import { proxiesTo } from "../events/targets.ts"
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
  /** Host that a resource is behind, for when it moves or goes. */
  const homes = new Map<string, string>()

  function renew(hostname: string): void {
    const proxy = find(world, "proxy", hostname)
    if (proxy === undefined) byName.delete(hostname)
    else
      byName.set(hostname, {
        proxy: withResources(world, proxy),
        destination: proxyDestination(world, proxy),
      })
  }

  function touched(events: readonly StoredEvent[]): Set<string> {
    const names = new Set<string>()
    const add = (proxies: readonly Proxy[]) => proxies.forEach(({ hostname }) => names.add(hostname))
    for (const { kind, id } of events)
      switch (kind) {
        case "proxy":
          names.add(id)
          break
        case "instance":
          add(proxiesTo(world, "instance", id))
          break
        case "service":
          // It is reached by its own name and by the one that it has in the registry.
          add(proxiesTo(world, "service", id))
          add(proxiesTo(world, "instance", `docker-${id}`))
          break
        case "resource":
          for (const home of [homes.get(id), settle(id)]) if (home !== undefined) names.add(home)
      }
    return names
  }

  function settle(uri: string): string | undefined {
    const home = find(world, "resource", uri)?.proxy_target
    if (home === undefined) homes.delete(uri)
    else homes.set(uri, home)
    return home
  }

  for (const uri of world.objects.resource.keys()) settle(uri)
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
