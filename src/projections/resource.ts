import { type World, referring } from "../events/world.ts"
import type { Proxy } from "../events/proxy.ts"
import type { Resource } from "../events/resource.ts"

export { type ResourceIdentity, normalResource, resourceIdentity } from "../events/resource-identity.ts"

/** A proxy with what the registry says about it: the one form in which authorization looks at proxies. */
export interface ResourceProxy extends Proxy {
  readonly resources: readonly Resource[]
}

/** A proxy with its entries in the registry. */
export function withResources(world: World, proxy: Proxy): ResourceProxy {
  return { ...proxy, resources: referring(world, "resource", `proxy/${proxy.hostname}`) }
}
