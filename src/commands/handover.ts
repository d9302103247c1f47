import { type World, all, find, referring } from "../events/world.ts"
import { fact, idOf } from "./decision.ts"
import { type User, attachedProxies, instanceUsers, ownedBy, refuseUsed, serviceUsers } from "./ownership.ts"
import { isAdministrator } from "../events/certificate-selection.ts"
import { mayUseInstance } from "../events/instance.ts"
import { mayUseService } from "../events/service.ts"
import type { NewEvent } from "../events/envelope.ts"
import type { Proxy } from "../events/proxy.ts"
import type { Route } from "../events/route.ts"

/** Everything of one token becomes another's. @returns the events and how many objects changed hands */
export function handOverAll(from: string, to: string, world: World): { events: readonly NewEvent[]; count: number } {
  const { proxies, certificates, routes, instances, resources, services, webhooks } = ownedBy(world, from)
  const hostnames = proxies.map(({ hostname }) => hostname)
  const handed = [
    ...proxies.map(({ hostname }) => fact("proxy", hostname, "ProxyReassigned", { owner: to })),
    ...routes.map(({ route_id }) => fact("route", route_id, "RouteReassigned", { owner: to })),
    ...resources.map(({ uri }) => fact("resource", uri, "ResourceReassigned", { owner: to })),
    ...instances.map(({ name }) => fact("instance", name, "InstanceReassigned", { owner: to })),
    ...certificates.map(({ cert_name }) =>
      fact("certificate", idOf(cert_name), "CertificateReassigned", { owner: to }),
    ),
    ...services.map(({ service_name }) => fact("service", service_name, "ServiceReassigned", { owner: to })),
    ...webhooks.map(({ name }) => fact("webhook", name, "WebhookReassigned", { owner: to })),
  ]
  return { events: [...routes.flatMap((route) => confined(route, hostnames)), ...handed], count: handed.length }
}

/** A route for all proxies of its owner must not catch those that its next owner has already. */
function confined({ route_id, scope }: Route, proxy_hostnames: readonly string[]): NewEvent[] {
  if (scope !== "owner") return []
  const change =
    proxy_hostnames.length > 0 ? { scope: "proxy" as const, proxy_hostnames: [...proxy_hostnames] } : { enabled: false }
  return [fact("route", route_id, "RouteUpdated", change)]
}

/**
 * One proxy becomes another token's, with its owner's resources, the certificate and the routes that are only for it; the owner's other
 * routes stay behind.
 * @throws GatehouseError `in_use` when something of it leads to an instance or service that the next owner may not use
 */
export function handOverProxy(proxy: Proxy, to: string, world: World): NewEvent[] {
  const { hostname, owner } = proxy
  const routes = referring(world, "route", `proxy/${hostname}`).filter(
    (route) => route.owner === owner && route.scope === "proxy" && route.proxy_hostnames.includes(hostname),
  )
  const resources = referring(world, "resource", `proxy/${hostname}`).filter((resource) => resource.owner === owner)
  const own = routes.filter(({ proxy_hostnames }) => proxy_hostnames.length === 1)
  refuseLosing([`proxy ${hostname}`, ...own.map(({ route_id }) => `route ${route_id}`)], to, world)
  return [
    fact("proxy", hostname, "ProxyReassigned", { owner: to }),
    ...routes.map((route) =>
      own.includes(route)
        ? fact("route", route.route_id, "RouteReassigned", { owner: to })
        : fact("route", route.route_id, "RouteUpdated", {
            proxy_hostnames: route.proxy_hostnames.filter((name) => name !== hostname),
          }),
    ),
    ...resources.map(({ uri }) => fact("resource", uri, "ResourceReassigned", { owner: to })),
    ...certificateOf(proxy, world).map((name) =>
      fact("certificate", idOf(name), "CertificateReassigned", { owner: to }),
    ),
  ]
}

/** The certificate that is for this host alone: whoever has the host next needs it, and whoever had it must not keep it. */
function certificateOf({ hostname, owner, cert_name }: Proxy, world: World): readonly string[] {
  const certificate = cert_name === null ? undefined : find(world, "certificate", idOf(cert_name))
  if (certificate?.owner !== owner || isAdministrator(world, owner)) return []
  const alone = certificate.domains.every((domain) => domain === hostname)
  return alone && attachedProxies(world, certificate.cert_name).length === 1 ? [certificate.cert_name] : []
}

function refuseLosing(moving: readonly string[], to: string, world: World): void {
  const left = (users: readonly User[], what: string) =>
    refuseUsed(
      users.filter((user) => moving.includes(user.name)),
      `it leads to the ${what}, which the next owner may not use`,
    )
  for (const instance of all(world, "instance"))
    if (!mayUseInstance(to, instance)) left(instanceUsers(world, instance.name), `instance ${instance.name}`)
  for (const service of all(world, "service"))
    if (!mayUseService(to, service)) left(serviceUsers(world, service.service_name), `service ${service.service_name}`)
}
