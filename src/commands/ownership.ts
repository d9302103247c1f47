import type { Context } from "./decision.ts"
import { idOf, invalid } from "./decision.ts"
import type { Route } from "../events/route.ts"
import { type World, all, find, referring } from "../events/world.ts"
import { proxiesTo, routesTo } from "../events/targets.ts"
import { GatehouseError } from "../errors.ts"
import type { Kind } from "../events/event.ts"

/**
 * Owner of something new: the caller, or the token that an administrator names.
 * @returns id of an API token
 * @throws GatehouseError `admin_required`, `validation_failed`
 */
export function ownerOf(requested: string | undefined, world: World, { actor }: Context): string {
  const own = actor.token ?? "admin"
  if (requested === undefined || idOf(requested) === own) return own
  if (!actor.admin) throw new GatehouseError("admin_required", "only an administrator may choose the owner")
  if (find(world, "api-token", idOf(requested)) === undefined) throw invalid("owner", `there is no token ${requested}`)
  return idOf(requested)
}

/** Owner after a change: as it was, unless an administrator names another. @throws GatehouseError as {@link ownerOf} */
export function nextOwner(requested: string | undefined, current: string, world: World, context: Context): string {
  return requested === undefined ? current : ownerOf(requested, world, context)
}

/** Everything that one token owns. */
export function ownedBy(world: World, owner: string) {
  const owned = <K extends OwnedKind>(kind: K) => [...all(world, kind)].filter((object) => object.owner === owner)
  return {
    proxies: owned("proxy"),
    certificates: owned("certificate"),
    routes: owned("route"),
    instances: owned("instance"),
    resources: owned("resource"),
    /** Those that are being removed belong to nobody any more. */
    services: owned("service").filter(({ desired_state }) => desired_state !== "removed"),
    webhooks: owned("webhook"),
  }
}

/** Kinds of aggregates that belong to a token. */
type OwnedKind = Extract<Kind, "proxy" | "certificate" | "route" | "instance" | "resource" | "service" | "webhook">

/** Proxies that serve with a certificate, by its name. */
export function attachedProxies(world: World, certName: string) {
  return referring(world, "proxy", `certificate/${idOf(certName)}`)
}

/** An object that leads to another. */
export interface User {
  /** For people: a route's id or a proxy's host name. */
  readonly name: string
  readonly owner: string
}

/** Routes and proxies that lead to an instance, whether it is there or not. */
export function instanceUsers(world: World, name: string): User[] {
  return usersOf(world, "instance", name)
}

/** Routes and proxies that lead to a service, whether it is there or not. */
export function serviceUsers(world: World, name: string): User[] {
  return usersOf(world, "service", name)
}

/** Routes that lead to the target of a proxy, whether it is there or not. */
export function hostUsers(world: World, hostname: string): User[] {
  return routesTo(world, "hostname", hostname).map(routeUser)
}

function usersOf(world: World, kind: "instance" | "service", name: string): User[] {
  return [
    ...routesTo(world, kind, name).map(routeUser),
    ...proxiesTo(world, kind, name).map(({ hostname, owner }) => ({ name: `proxy ${hostname}`, owner })),
  ]
}

const routeUser = ({ route_id, owner }: Route): User => ({ name: `route ${route_id}`, owner })

/** Refuses when something uses it. @throws GatehouseError `in_use` */
export function refuseUsed(users: readonly User[], detail: string): void {
  if (users.length > 0) throw new GatehouseError("in_use", detail, { references: users.map(({ name }) => name) })
}
