import * as z from "zod"
import { Instant, Sha256 } from "../events/values.ts"
import { type World, all, find } from "../events/world.ts"
import { command, existing, fact, requireAdmin } from "./decision.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { Grant } from "../events/grant.ts"
import type { NewEvent } from "../events/envelope.ts"
import { clientUse } from "./oauth-client.ts"
import { grantEvents } from "../events/grant.ts"

const GrantId = z.string().regex(/^[A-Za-z0-9_-]{8,64}$/)
const grant = ({ grant_id }: { grant_id: string }) => ({ kind: "grant" as const, id: grant_id })

/** What a person allowed, to be remembered with the grant. */
const Remembered = z.strictObject({ consent_id: z.uuid(), shown: Sha256 })

/** An approval that was proven by a login. It counts as a use of the client. */
const IssueGrant = command(
  grantEvents.GrantIssued.extend({
    grant_id: GrantId,
    consent: Remembered.optional(),
    /** Where the client's life ends if this is its last use. */
    client_expires_at: Instant.optional(),
  }),
  grant,
  ({ grant_id, consent, client_expires_at, ...data }, world, context) => {
    requireAdmin(context)
    const client = existing(find(world, "client", data.client_id), "such client")
    if (find(world, "grant", grant_id) !== undefined) throw new GatehouseError("already_exists")
    const { subject, client_id, redirect_uri, resources, scope } = data
    const events: NewEvent[] = [fact("grant", grant_id, "GrantIssued", data)]
    if (consent !== undefined && redirect_uri !== null) {
      const allowed = { subject, client_id, redirect_uri, resources, scope, shown: consent.shown }
      events.push(fact("consent", consent.consent_id, "ConsentGranted", allowed))
    }
    if (client_expires_at !== undefined) events.push(...clientUse(client, client_expires_at))
    return { events }
  },
)

/** The one grant of a client that acts for itself (RFC 6749 §4.4): it grows with what its owner lets it have. */
const IssueMachineGrant = command(
  z.strictObject({
    grant_id: GrantId,
    client_id: z.string(),
    scope: z.string(),
    resources: z.array(z.string()).min(1),
    client_expires_at: Instant,
  }),
  grant,
  ({ grant_id, client_id, scope, resources, client_expires_at }, world, context) => {
    requireAdmin(context)
    const client = existing(find(world, "client", client_id), "such client")
    const state = find(world, "grant", grant_id)
    const use = clientUse(client, client_expires_at)
    const machine = { client_id, subject: client_id, username: client_id, email: null, email_verified: false }
    if (state === undefined) {
      const data = { ...machine, provider: "client", scope, resources, redirect_uri: null }
      return { events: [fact("grant", grant_id, "GrantIssued", data), ...use] }
    }
    const wider = widened(state, scope, resources)
    return { events: [...(wider === undefined ? [] : [fact("grant", grant_id, "GrantExtended", wider)]), ...use] }
  },
)

function widened(state: Grant, scope: string, resources: readonly string[]) {
  const union = (old: readonly string[], more: readonly string[]) => [...new Set([...old, ...more])]
  const all = {
    scope: union(state.scope.split(" "), scope.split(" ")).join(" "),
    resources: union(state.resources, resources),
  }
  return all.scope === state.scope && all.resources.length === state.resources.length ? undefined : all
}

/** Ends a grant. Whoever had allowed it is asked anew. */
const RevokeGrant = command(
  grantEvents.GrantRevoked.extend({ grant_id: GrantId }),
  grant,
  ({ grant_id, reason }, world, context) => {
    const state = find(world, "grant", grant_id)
    requireEnding(state, world, context)
    if (state === undefined) return { events: [] }
    const revoked = fact("grant", grant_id, "GrantRevoked", { reason })
    return { events: reason === "expired" ? [revoked] : [revoked, ...withdrawals(state, reason, world)] }
  },
)

/** A grant ends by an administrator, or by whoever owns every proxy that it is for. @throws GatehouseError `not_owner` */
function requireEnding(state: Grant | undefined, world: World, context: Context): void {
  if (context.actor.admin) return
  const { token } = context.actor
  const owners = (state?.resources ?? []).map((uri) => find(world, "proxy", hostOf(uri))?.owner)
  if (token === undefined || owners.length === 0 || owners.some((owner) => owner !== token))
    throw new GatehouseError("not_owner")
}

const hostOf = (uri: string) => /^https?:\/\/([^/:?#]+)/.exec(uri)?.[1] ?? ""

function withdrawals({ subject, client_id }: Grant, reason: string, world: World): NewEvent[] {
  return [...all(world, "consent")]
    .filter((consent) => consent.subject === subject && consent.client_id === client_id)
    .map(({ consent_id }) => fact("consent", consent_id, "ConsentWithdrawn", { reason }))
}

/** Grants of which nothing can be used any more; what people allowed stays remembered. */
const ExpireGrants = command(
  z.strictObject({ grant_ids: z.array(GrantId).min(1).max(200) }),
  () => ({ kind: "grant" as const, id: "" }),
  ({ grant_ids }, world, context) => {
    requireAdmin(context)
    const standing = [...new Set(grant_ids)].filter((id) => find(world, "grant", id) !== undefined)
    return {
      events: standing.map((id) => fact("grant", id, "GrantRevoked", { reason: "expired" })),
      result: { grants: standing.length },
    }
  },
)

/** Ends one access token. */
const RevokeAccessToken = command(
  grantEvents.AccessTokenRevoked.extend({ grant_id: GrantId }),
  grant,
  ({ grant_id, jti, expires_at }, world, context) => {
    const state = existing(find(world, "grant", grant_id), "such grant")
    requireEnding(state, world, context)
    const over = expires_at <= context.now || state.revoked_tokens?.some((token) => token.jti === jti)
    return { events: over ? [] : [fact("grant", grant_id, "AccessTokenRevoked", { jti, expires_at })] }
  },
)

/** Commands about grants. */
export const grantCommands = { IssueGrant, IssueMachineGrant, RevokeGrant, ExpireGrants, RevokeAccessToken } as const
