import type { Context } from "./decision.ts"
import { idOf, invalid } from "./decision.ts"
import { type World, all, find } from "../events/world.ts"
import { GatehouseError } from "../errors.ts"

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

/** Everything that one token owns. */
export function ownedBy(world: World, owner: string) {
  return {
    proxies: [...all(world, "proxy")].filter((proxy) => proxy.owner === owner),
    certificates: [...all(world, "certificate")].filter((certificate) => certificate.owner === owner),
  }
}

/** Proxies that serve with a certificate, by its name. */
export function attachedProxies(world: World, certName: string) {
  return [...all(world, "proxy")].filter((proxy) => proxy.cert_name !== null && idOf(proxy.cert_name) === idOf(certName))
}
