import { type World, find, referring } from "../events/world.ts"
import { fact, idOf } from "./decision.ts"
import { attachedProxies } from "./ownership.ts"
import type { NewEvent } from "../events/envelope.ts"

/** Objects that go, by their ids. */
export interface Doomed {
  readonly proxies?: readonly string[]
  readonly routes?: readonly string[]
  readonly resources?: readonly string[]
  readonly instances?: readonly string[]
  readonly certificates?: readonly string[]
  readonly services?: readonly string[]
}

/** What a removal takes along, by kind; the kinds are those of the admin surface. */
export interface Removed {
  readonly certificates: readonly string[]
  readonly proxies: readonly string[]
  readonly routes: readonly string[]
  readonly services: readonly string[]
  readonly instances: readonly string[]
  readonly resources: readonly string[]
}

/** Nothing at all. */
export const nothingRemoved: Removed = {
  certificates: [],
  proxies: [],
  routes: [],
  services: [],
  instances: [],
  resources: [],
}

/**
 * Removes objects together with what is nothing without them, and clears what names them: a proxy takes its resources and the
 * routes that are only for it; a route leaves the lists of all proxies; a certificate is detached. An instance leaves the
 * routes and proxies that lead to it as they are: they answer 502. A service takes its name in the registry; it is gone when
 * its containers are.
 */
export function removal(
  doomed: Doomed,
  world: World,
): { readonly events: readonly NewEvent[]; readonly removed: Removed } {
  const proxies = new Set(doomed.proxies)
  const services = doomed.services ?? []
  const registered = services
    .map((name) => `docker-${name}`)
    .filter((name) => find(world, "instance", name) !== undefined)
  const instances = new Set([...(doomed.instances ?? []), ...registered])
  const certificates = new Set(doomed.certificates?.map(idOf))
  const scoped = [
    ...new Set([...proxies].flatMap((hostname) => referring(world, "route", `proxy/${hostname}`))),
  ].filter(
    ({ scope, proxy_hostnames }) => scope === "proxy" && proxy_hostnames.some((hostname) => proxies.has(hostname)),
  )
  const remaining = scoped.map(({ route_id, proxy_hostnames }) => ({
    route_id,
    proxy_hostnames: proxy_hostnames.filter((hostname) => !proxies.has(hostname)),
  }))
  const alone = remaining.filter(({ proxy_hostnames }) => proxy_hostnames.length === 0).map(({ route_id }) => route_id)
  const routes = new Set([...(doomed.routes ?? []), ...alone])
  const behind = [...proxies]
    .flatMap((hostname) => referring(world, "resource", `proxy/${hostname}`))
    .map(({ uri }) => uri)
  const resources = new Set([...(doomed.resources ?? []), ...behind])
  const names = [...certificates].map((id) => find(world, "certificate", id)!.cert_name)
  const kept = ({ hostname }: { hostname: string }) => !proxies.has(hostname)
  return {
    events: [
      ...[...proxies].map((hostname) => fact("proxy", hostname, "ProxyDeleted", { hostname })),
      ...names
        .flatMap((name) => attachedProxies(world, name).filter(kept))
        .map(({ hostname }) => fact("proxy", hostname, "ProxyUpdated", { cert_name: null })),
      ...[...new Set([...routes].flatMap((id) => referring(world, "proxy", `route/${id}`)))]
        .filter(kept)
        .flatMap((proxy) => withoutRoutes(proxy, routes)),
      ...[...routes].map((route_id) => fact("route", route_id, "RouteDeleted", { route_id })),
      ...remaining
        .filter(({ route_id }) => !routes.has(route_id))
        .map(({ route_id, proxy_hostnames }) => fact("route", route_id, "RouteUpdated", { proxy_hostnames })),
      ...[...resources].map((uri) => fact("resource", uri, "ResourceDeleted", { uri })),
      ...[...instances].map((name) => fact("instance", name, "InstanceDeleted", { name })),
      ...services.map((service_name) => fact("service", service_name, "ServiceRemovalRequested", { service_name })),
      ...names.map((cert_name) => fact("certificate", idOf(cert_name), "CertificateDeleted", { cert_name })),
    ],
    removed: {
      certificates: names,
      proxies: [...proxies],
      routes: [...routes],
      services,
      instances: [...instances],
      resources: [...resources],
    },
  }
}

function withoutRoutes(
  { hostname, route_mode, enabled_routes, disabled_routes }: ProxyLists,
  routes: ReadonlySet<string>,
): NewEvent[] {
  const kept = (id: string) => !routes.has(id)
  if (enabled_routes.every(kept) && disabled_routes.every(kept)) return []
  const lists = { enabled_routes: enabled_routes.filter(kept), disabled_routes: disabled_routes.filter(kept) }
  return [fact("proxy", hostname, "ProxyRoutesSet", { route_mode, ...lists })]
}

interface ProxyLists {
  readonly hostname: string
  readonly route_mode: "all" | "selective" | "none"
  readonly enabled_routes: readonly string[]
  readonly disabled_routes: readonly string[]
}
