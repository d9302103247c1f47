import { type World, all } from "../../events/world.ts"
import type { Certificate } from "../../events/certificate.ts"
import type { Instance } from "../../events/instance.ts"
import type { Proxy } from "../../events/proxy.ts"
import type { Resource } from "../../events/resource.ts"
import type { Route } from "../../events/route.ts"
import type { Service } from "../../events/service.ts"
import type { Webhook } from "../../events/webhook.ts"

/** What one token owns, in the order of names. */
export interface Owned {
  readonly certificates: readonly Certificate[]
  readonly proxies: readonly Proxy[]
  readonly routes: readonly Route[]
  readonly instances: readonly Instance[]
  readonly resources: readonly Resource[]
  readonly services: readonly Service[]
  readonly webhooks: readonly Webhook[]
}

/** Everything by its owner, from one pass over the world. @returns what the token of an id owns */
export function ownedObjects(world: World): (owner: string) => Owned {
  const certificates = grouped(all(world, "certificate"), "cert_name")
  const proxies = grouped(all(world, "proxy"), "hostname")
  const routes = grouped(all(world, "route"), "route_id")
  const instances = grouped(all(world, "instance"), "name")
  const resources = grouped(all(world, "resource"), "uri")
  const services = grouped(all(world, "service"), "service_name")
  const webhooks = grouped(all(world, "webhook"), "name")
  return (owner) => ({
    certificates: certificates(owner),
    proxies: proxies(owner),
    routes: routes(owner),
    instances: instances(owner),
    resources: resources(owner),
    services: services(owner),
    webhooks: webhooks(owner),
  })
}

function grouped<T extends { readonly owner: string }>(
  items: Iterable<T>,
  name: keyof T,
): (owner: string) => readonly T[] {
  const sorted = [...items].sort((a, b) => (a[name] < b[name] ? -1 : 1))
  const groups = Map.groupBy(sorted, ({ owner }) => owner)
  return (owner) => groups.get(owner) ?? []
}
