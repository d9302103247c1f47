import { InstanceName, mayUseInstance } from "../events/instance.ts"
import type { Route } from "../events/route.ts"
import { type World, find } from "../events/world.ts"
import { addressAllowed, classifyAddress, parseAddress } from "../events/target-address.ts"
import { ServiceName, mayUseService } from "../events/service.ts"
import { invalid } from "./decision.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { HostName } from "../events/values.ts"

/**
 * Checks where a proxy may send requests: a URL, or `instance://<name>` or `service://<name>` of the registry.
 * @param owner of the proxy
 * @returns the target as it is recorded
 * @throws GatehouseError `validation_failed`, `forbidden_target`
 */
export function checkTarget(path: string, value: string, owner: string, world: World, context: Context): string {
  const [, kind, name] = /^(instance|service):\/\/([^/]*)\/?$/i.exec(value) ?? []
  if (kind === undefined || name === undefined) return checkAddress(path, value, world, context)
  return kind.toLowerCase() === "instance"
    ? `instance://${usableInstance(path, name, owner, world)}`
    : `service://${usableService(path, name, owner, world)}`
}

/** The name of an instance that an owner's objects may use. @throws GatehouseError `validation_failed` */
function usableInstance(path: string, value: string, owner: string, world: World): string {
  const name = InstanceName.safeParse(value)
  const instance = name.success ? find(world, "instance", name.data) : undefined
  if (instance === undefined || !mayUseInstance(owner, instance))
    throw invalid(path, `there is no instance ${value.slice(0, 64)}`)
  return instance.name
}

/** The name of a service that an owner's objects may lead to. @throws GatehouseError `validation_failed` */
function usableService(path: string, value: string, owner: string, world: World): string {
  const name = ServiceName.safeParse(value)
  const service = name.success ? find(world, "service", name.data) : undefined
  if (service === undefined || service.desired_state === "removed" || !mayUseService(owner, service))
    throw invalid(path, `there is no service ${value.slice(0, 64)}`)
  return service.service_name
}

/** What of a route decides about its target. */
export type RouteTarget = Pick<Route, "target_type" | "target_value" | "scope" | "proxy_hostnames" | "owner">

/**
 * Checks what a route leads to.
 * @returns the value as it is recorded
 * @throws GatehouseError `validation_failed`, `forbidden_target`, `admin_required`, `not_owner`
 */
export function checkRouteTarget(route: RouteTarget, world: World, context: Context): string {
  const { target_type, target_value: value, owner } = route
  const path = "target_value"
  switch (target_type) {
    case "port":
      return checkPort(path, value, context)
    case "instance":
      return usableInstance(path, value, owner, world)
    case "hostname":
      return checkHost(path, route, world)
    case "url":
      return checkAddress(path, withScheme(value), world, context)
    case "service":
      return usableService(path, value, owner, world)
  }
}

function checkPort(path: string, value: string, context: Context): string {
  if (!context.actor.admin)
    throw new GatehouseError(
      "admin_required",
      `${path}: only an administrator may lead a route to a port of this machine`,
    )
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0
  if (port < 1 || port > 65_535) throw invalid(path, "must be a port from 1 to 65535")
  if (context.policy.ownPorts.includes(port)) throw ownAddress(path)
  return String(port)
}

/** The target of another proxy: one hop, and not back to the proxies that the route is for. */
function checkHost(path: string, { target_value, scope, proxy_hostnames, owner }: RouteTarget, world: World): string {
  const host = HostName.safeParse(target_value)
  if (!host.success) throw invalid(path, "must be the host name of a proxy")
  const proxy = find(world, "proxy", host.data)
  if (proxy === undefined) throw invalid(path, `there is no proxy ${host.data}`)
  if (owner !== "admin" && proxy.owner !== owner)
    throw new GatehouseError("not_owner", `${path}: the proxy belongs to another token`)
  if (scope === "proxy" && proxy_hostnames.includes(host.data))
    throw invalid(path, "leads back to the proxy that the route is for")
  return host.data
}

/** `http://` is what stands for no scheme. */
export function withScheme(value: string): string {
  return value.includes("://") ? value : `http://${value}`
}

/**
 * Checks a URL as far as its text tells; names are resolved and checked again at each dial.
 * @returns the URL, unchanged
 * @throws GatehouseError `validation_failed`, `forbidden_target`
 */
export function checkAddress(path: string, value: string, world: World, { actor, policy }: Context): string {
  const url = URL.parse(value)
  // What URL parsers take away or turn around must not stand in the record: other readers see another address.
  if (/[\s\p{Cc}\\]/u.test(value)) throw invalid(path, "must not hold blanks, control characters or backslashes")
  if (url === null || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(value))
    throw invalid(path, "must be an http:// or https:// URL")
  if (url.username !== "" || url.password !== "") throw invalid(path, "must not hold credentials")
  if (url.hash !== "" || url.search !== "") throw invalid(path, "must not have a query or fragment")
  const hostname = url.hostname.replace(/^\[|\]$/g, "")
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80))
  const local = hostname === "localhost" || hostname.endsWith(".localhost")
  const address = local ? "127.0.0.1" : parseAddress(hostname) === undefined ? undefined : hostname
  if (isOwnDoor(hostname, port, world, policy)) throw ownAddress(path)
  if (address === undefined) return value
  if (!addressAllowed(address, actor.admin, policy.targetAllowCidrs))
    throw new GatehouseError("forbidden_target", `${path}: ${refusalOf(address, actor.admin)}`)
  if (address.startsWith("127.") && policy.ownPorts.includes(port)) throw ownAddress(path)
  return value
}

/** Would the request come back in through a public listener? */
function isOwnDoor(hostname: string, port: number, world: World, policy: Context["policy"]): boolean {
  if (port !== policy.publicHttpsPort && !policy.ownPorts.includes(port)) return false
  const own = [...policy.adminHosts, ...policy.oauthHosts]
  return own.includes(hostname) || find(world, "proxy", hostname) !== undefined
}

function refusalOf(address: string, admin: boolean): string {
  return admin || classifyAddress(address) === "never"
    ? "this address is not allowed as a target"
    : "a private address is for administrators, and for all in the ranges of TARGET_ALLOW_CIDRS"
}

function ownAddress(path: string): GatehouseError {
  return new GatehouseError("forbidden_target", `${path}: this is an address of Gatehouse itself`)
}
