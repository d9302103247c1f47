import type { Proxy } from "../events/proxy.ts"
import type { Route } from "../events/route.ts"
import { type World, find } from "../events/world.ts"
import { mayUseInstance } from "../events/instance.ts"
import { mayUseService } from "../events/service.ts"

/** Address of a backend, taken apart once. */
export interface Target {
  readonly secure: boolean
  /** Name or IP literal without brackets. */
  readonly hostname: string
  readonly port: number
  /** Host header for proxies that do not keep the client's. */
  readonly authority: string
  /** Path that stands before every request's path; empty or `/base` without a slash at its end. */
  readonly base: string
}

/** A backend that requests may be sent to. */
export interface Destination {
  readonly target: Target
  /** Token that vouches for the address: its rights decide what may be dialled. */
  readonly owner: string
}

/** Why there is no destination: an error of the catalogue. */
export type Unavailable = "target_unavailable" | "service_not_running"

/** Takes a target URL apart; undefined unless it is http or https. */
export function parseTarget(url: string): Target | undefined {
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:") || parsed.hostname === "")
    return undefined
  const secure = parsed.protocol === "https:"
  return {
    secure,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? (secure ? 443 : 80) : Number(parsed.port),
    authority: parsed.host,
    base: parsed.pathname.replace(/\/+$/, ""),
  }
}

function at(url: string, owner: string): Destination | Unavailable {
  const target = parseTarget(url)
  return target === undefined ? "target_unavailable" : { target, owner }
}

/** Where a proxy's own target is. */
export function proxyDestination(
  world: World,
  { target_url, owner }: Pick<Proxy, "target_url" | "owner">,
): Destination | Unavailable {
  if (target_url.startsWith("instance://"))
    return instanceDestination(world, target_url.slice("instance://".length), owner)
  return placeOf(world, target_url, owner)
}

/** Where a URL or a `service://<name>` leads. */
function placeOf(world: World, url: string, owner: string): Destination | Unavailable {
  return url.startsWith("service://")
    ? serviceDestination(world, url.slice("service://".length), owner)
    : at(url, owner)
}

/** Where a route leads. Asked of the world as it is now: what its target names may have gone since the route was made. */
export function routeDestination(
  world: World,
  { target_type, target_value: value, owner }: Pick<Route, "target_type" | "target_value" | "owner">,
): Destination | Unavailable {
  switch (target_type) {
    case "port":
      return at(`http://127.0.0.1:${value}`, owner)
    case "url":
      return at(value, owner)
    case "instance":
      return instanceDestination(world, value, owner)
    case "hostname": {
      const proxy = find(world, "proxy", value)
      const own = proxy !== undefined && (owner === "admin" || proxy.owner === owner)
      return own && proxy.enabled ? proxyDestination(world, proxy) : "target_unavailable"
    }
    case "service":
      return serviceDestination(world, value, owner)
  }
}

function instanceDestination(world: World, name: string, user: string): Destination | Unavailable {
  const instance = find(world, "instance", name)
  if (instance === undefined || !mayUseInstance(user, instance)) return "target_unavailable"
  return placeOf(world, instance.target_url, instance.owner)
}

/** The port of this machine that leads into the container which serves at present. */
function serviceDestination(world: World, name: string, user: string): Destination | Unavailable {
  const service = find(world, "service", name)
  if (service === undefined || service.desired_state === "removed" || !mayUseService(user, service))
    return "target_unavailable"
  const { serving } = service
  if (serving === null || serving.port === null) return "service_not_running"
  // Gatehouse itself opened this port: whoever may use the service may reach it.
  return at(`http://${published(serving.address)}:${serving.port}`, "admin")
}

/** Address at which a listener on this machine is reached. */
function published(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1"
  return address === "::" ? "[::1]" : address.includes(":") ? `[${address}]` : address
}
