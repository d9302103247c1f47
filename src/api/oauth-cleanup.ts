import type { Call } from "./endpoint.ts"
import { all } from "../events/world.ts"
import { endOfLife } from "../events/oauth-client.ts"
import { GatehouseError } from "../errors.ts"
import { grantSessions } from "./oauth-sessions.ts"
import { patience } from "./write.ts"
import { recordKey } from "../platform/record-key.ts"
import { sightOf } from "./oauth-sight.ts"

/** What a cleanup found, and removed unless it was a dry run. */
export interface CleanupReport {
  readonly dry_run: boolean
  readonly expired: number
  readonly revoked_families: number
  readonly unused_clients: number
  readonly removed: number
}

/** Clients that one command removes. */
const batchSize = 200

/**
 * Removes what nobody can use any more. Grants that can still be used stay, and so do the clients that hold them.
 * @throws GatehouseError `store_unavailable`, `projection_behind`
 */
export async function cleanOAuth(call: Call, dryRun: boolean): Promise<CleanupReport> {
  const { api } = call
  const { index } = api.oauth
  const now = api.clock().getTime()
  const [tokens, sessions] = [await index.count("token", 0, now), await index.count("session", 0, now)]
  const families = await index.lines("refresh", 0)
  // Another node may have issued a grant that this one has not folded; its refresh token must not look like an orphan.
  const head = await api.store.head()
  if (!(await api.projections.reached(head.position, patience))) throw new GatehouseError("projection_behind")
  const standing = new Set(
    [...all(api.projections.world, "grant")].map(({ grant_id }) => recordKey("refresh", grant_id)),
  )
  const orphans = families.filter(({ key, expires }) => expires <= now || !standing.has(key))
  const clients = await uselessClients(call, now)
  const found = { expired: tokens + sessions, revoked_families: orphans.length, unused_clients: clients.length }
  if (dryRun) return { dry_run: true, ...found, removed: 0 }
  const forgotten = (await index.forget("token", now)) + (await index.forget("session", now))
  await index.remove("refresh", orphans)
  return { dry_run: false, ...found, removed: forgotten + orphans.length + (await removeClients(call, clients)) }
}

async function uselessClients(call: Call, now: number): Promise<string[]> {
  const { api, caller } = call
  const held = new Set(
    (await grantSessions(call, sightOf(api, caller), () => true)).map(({ grant }) => grant.client_id),
  )
  return [...all(api.projections.world, "client")]
    .filter((client) => endOfLife(client) <= now && !held.has(client.client_id))
    .map(({ client_id }) => client_id)
}

async function removeClients({ api, caller, requestId, ip }: Call, clients: readonly string[]): Promise<number> {
  let removed = 0
  for (let from = 0; from < clients.length; from += batchSize) {
    const executed = await api.bus.execute({
      type: "RemoveExpiredClients",
      data: { client_ids: clients.slice(from, from + batchSize) },
      actor: { name: caller.name, admin: caller.admin, token: caller.token },
      requestId,
      ...(ip !== undefined && { ip }),
    })
    if (executed.status === "accepted") removed += (executed.result as { clients: number }).clients
  }
  return removed
}
