import { type EffectContext } from "./effect-context.ts"
import type { CommandType } from "../commands/command.ts"
import type { OAuthIndex } from "../platform/oauth-index.ts"
import type { TtlStore } from "../platform/ttl-store.ts"
import { all, find } from "../events/world.ts"
import { atHead } from "./at-head.ts"
import { endOfLife, isOrphan } from "../events/oauth-client.ts"
import { keepLease } from "../platform/lease.ts"
import { reason } from "../platform/log.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { retirementMarginMs, supersededKeys } from "../projections/signing-key-order.ts"

/** What the hygiene of OAuth works with. */
export interface HygieneParts extends Pick<EffectContext, "config" | "store" | "bus" | "projections" | "log" | "now"> {
  readonly ttl: Pick<TtlStore, "peek">
  readonly index: Pick<OAuthIndex, "lines">
}

/** How it runs. */
export interface HygieneOptions extends HygieneParts {
  /** Unique to this run of the process. */
  readonly holder: string
  readonly signal: AbortSignal
  readonly leaseTtlMs?: number
  readonly leaseBeatMs?: number
  /** Milliseconds between two sweeps; ten minutes. */
  readonly everyMs?: number
}

/** What one sweep ended. */
export interface Swept {
  readonly clients: number
  readonly grants: number
  readonly sessions: number
  readonly keys: number
}

const actor = { name: "system:oauth-hygiene", admin: true } as const
const leaseName = "effects:oauth-hygiene"
const batch = 200
const decisionMs = 10_000
/** A code lives a minute and its use is remembered ten; clocks may differ a little. */
const marginMs = 900_000

/** Keeps what OAuth leaves behind from piling up, on one node at a time. Resolves when `signal` has ended it. */
export function keepOAuthHygiene(options: HygieneOptions): Promise<void> {
  const { store, log, holder, signal, leaseTtlMs, leaseBeatMs, everyMs = 600_000 } = options
  return keepLease({
    store,
    name: leaseName,
    holder,
    signal,
    log,
    ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }),
    ...(leaseBeatMs !== undefined && { beatMs: leaseBeatMs }),
    async lead(_epoch, lost) {
      const sweep = oauthSweep(options)
      while (!lost.aborted) {
        try {
          await sweep(lost)
        } catch (error) {
          log.warning("oauth_sweep_failed", { error: reason(error) })
        }
        await sleep(everyMs, undefined, { signal: lost }).catch(() => undefined)
      }
    },
  })
}

/**
 * One sweep at a time: clients whose life is over with all that hangs on them, grants of which nothing can be used any more, ended
 * browser sessions that would be over anyway, and signing keys that no token in use was signed with.
 */
export function oauthSweep(parts: HygieneParts): (signal: AbortSignal) => Promise<Swept> {
  /** Grants that looked dead, and when they were first seen so, milliseconds since the epoch. */
  let suspects: ReadonlyMap<string, number> = new Map()
  return async (signal) => {
    await atHead(parts, signal)
    if (signal.aborted) return { clients: 0, grants: 0, sessions: 0, keys: 0 }
    const clients = await inBatches(parts, "RemoveExpiredClients", "client_ids", overClients(parts), signal)
    const dead = await deadGrants(parts, suspects)
    suspects = dead.suspects
    const grants = await inBatches(parts, "ExpireGrants", "grant_ids", dead.certain, signal)
    const sessions = await inBatches(parts, "ForgetBrowserSessions", "session_ids", overSessions(parts), signal)
    const keys = await retireKeys(parts, signal)
    const swept = { clients, grants, sessions, keys }
    if (Object.values(swept).some((count) => count > 0)) parts.log.info("oauth_swept", swept)
    return swept
  }
}

function overClients({ projections, now }: HygieneParts): string[] {
  const at = now().getTime()
  const { world } = projections
  return [...all(world, "client")]
    .filter((client) => endOfLife(client) <= at || isOrphan(client, find(world, "api-token", client.owner ?? "")))
    .map(({ client_id }) => client_id)
}

function overSessions({ projections, now }: HygieneParts): string[] {
  const at = now().toISOString()
  return [...all(projections.world, "browser-session")]
    .filter(({ expires_at }) => expires_at <= at)
    .map(({ session_id }) => session_id)
}

/**
 * Grants without a refresh family whose last access token has expired. What was just lost from the store may still be in clients'
 * hands, so a grant must look dead for as long as an access token lives. A machine's grant ends with its client.
 */
async function deadGrants(
  { projections, config, ttl, index, now }: HygieneParts,
  suspects: ReadonlyMap<string, number>,
) {
  const at = now().getTime()
  const tokenLife = config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000
  const old = at - tokenLife - marginMs
  const live = new Set((await index.lines("token", at)).map(({ facets }) => facets[0]))
  const dead = new Map<string, number>()
  for (const { grant_id, provider, created_at } of all(projections.world, "grant")) {
    if (provider === "client" || Date.parse(created_at) > old || live.has(grant_id)) continue
    if ((await ttl.peek("refresh", grant_id)) === undefined) dead.set(grant_id, suspects.get(grant_id) ?? at)
  }
  const certain = [...dead].filter(([, since]) => at - since >= tokenLife).map(([id]) => id)
  for (const id of certain) dead.delete(id)
  return { suspects: dead, certain }
}

async function retireKeys(parts: HygieneParts, signal: AbortSignal): Promise<number> {
  const { projections, config, now } = parts
  const keys = [...all(projections.world, "signing-key")]
  const over = supersededKeys(keys, now().getTime(), config.OAUTH_ACCESS_TOKEN_LIFETIME * 1000 + retirementMarginMs)
  for (const { kid } of over)
    if (!signal.aborted) await execute(parts, "RetireSigningKey", { kid, reason: "superseded" })
  return over.length
}

async function inBatches(
  parts: HygieneParts,
  type: CommandType,
  member: string,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  for (let from = 0; from < ids.length && !signal.aborted; from += batch)
    await execute(parts, type, { [member]: ids.slice(from, from + batch) })
  return ids.length
}

async function execute({ bus }: HygieneParts, type: CommandType, data: unknown): Promise<void> {
  await bus.execute({ type, data, actor }, decisionMs)
}
