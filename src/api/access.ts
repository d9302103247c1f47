import type { ApiToken } from "../events/api-token.ts"
import type { Caller } from "./caller.ts"
import type { Call } from "./endpoint.ts"
import { type Kind, type StateOf } from "../events/event.ts"
import { GatehouseError } from "../errors.ts"
import type { Outcome } from "../platform/event-store.ts"
import { find } from "../events/world.ts"

/** May this caller see an object of that owner? */
export function mayRead(caller: Caller, owner: string): boolean {
  return caller.admin || caller.token === owner
}

/**
 * An object that the caller owns, or any for an administrator.
 * @param id in the form of the aggregate's kind
 * @throws GatehouseError `not_found`, `not_owner`
 */
export function ownObject<
  K extends "certificate" | "proxy" | "route" | "instance" | "resource" | "service" | "webhook",
>({ api, caller }: Call, kind: K, id: string): StateOf<K> {
  const state = find(api.projections.world, kind as Kind, id) as StateOf<K> | undefined
  if (state === undefined) throw new GatehouseError("not_found", `there is no ${kind} ${id}`)
  if (!mayRead(caller, (state as { owner: string }).owner)) throw new GatehouseError("not_owner")
  return state
}

/** A token by name, for an administrator or for itself. @throws GatehouseError `admin_required`, `not_found` */
export function visibleToken({ api, caller }: Call, name: string): { id: string; token: ApiToken } {
  const id = name.toLowerCase()
  if (!caller.admin && caller.token !== id) throw new GatehouseError("admin_required")
  const token = api.projections.world.objects["api-token"].get(id)?.state
  if (token === undefined) throw new GatehouseError("not_found", `there is no token ${name}`)
  return { id, token }
}

/** Did this caller give the command? Not whoever had the token's name before: what was decided by then was theirs. */
export function gave({ api, caller }: Pick<Call, "api" | "caller">, { actor, decided_at }: Outcome): boolean {
  const created = find(api.projections.world, "api-token", caller.token)?.created_at
  return actor === caller.name && created !== undefined && (decided_at ?? created) >= created
}
