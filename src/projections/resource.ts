import { type World, all } from "../events/world.ts"
import type { Proxy } from "../events/proxy.ts"
import type { Resource } from "../events/resource.ts"

export { type ResourceIdentity, normalResource, resourceIdentity } from "../events/resource-identity.ts"

/** A proxy with what the registry says about it: the one form in which authorization looks at proxies. */
export interface ResourceProxy extends Proxy {
  readonly resources: readonly Resource[]
}

/** The registry's entries by proxy. @returns of a host name */
export function resourcesByProxy(world: World): (hostname: string) => readonly Resource[] {
  const groups = Map.groupBy(all(world, "resource"), ({ proxy_target }) => proxy_target)
  return (hostname) => groups.get(hostname) ?? none
}

const none: readonly Resource[] = []

/** A proxy with its entries in the registry. */
export function withResources(world: World, proxy: Proxy): ResourceProxy {
  return { ...proxy, resources: resourcesByProxy(world)(proxy.hostname) }
}
