import * as z from "zod"
import { Instant, Sha256 } from "../events/values.ts"
import { type World, all, find } from "../events/world.ts"
import { command, equal, existing, fact, requireAdmin } from "./decision.ts"
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

/**
 * The one grant of a client for a holder who never signs in here: the client itself (RFC 6749 §4.4), or somebody whom a trusted
 * issuer vouches for (RFC 7523 §2.1). It grows with what it is asked for. A new one never has the id of one that ended, or the
 * tokens of that would be good again.
 */
const IssueStandingGrant = command(
  z.strictObject({
    /** Of the grant, if there is none yet. */
    grant_id: GrantId,
    client_id: z.string(),
    holder: grantEvents.GrantIssued.pick({
      subject: true,
      username: true,
      email: true,
      email_verified: true,
      provider: true,
    }),
    scope: z.string(),
    resources: z.array(z.string()).min(1),
    client_expires_at: Instant,
  }),
  grant,
  ({ grant_id, client_id, holder, scope, resources, client_expires_at }, world, context) => {
    requireAdmin(context)
    const client = existing(find(world, "client", client_id), "such client")
    const use = clientUse(client, client_expires_at)
    const state = [...all(world, "grant")].find((standing) => isHeldBy(standing, client_id, holder))
    if (state === undefined) {
      const data = { client_id, ...holder, scope, resources, redirect_uri: null }
      return { events: [fact("grant", grant_id, "GrantIssued", data), ...use], result: { grant_id } }
    }
    const wider = widened(state, scope, resources)
    const extended = wider === undefined ? [] : [fact("grant", state.grant_id, "GrantExtended", wider)]
    return { events: [...extended, ...use], result: { grant_id: state.grant_id } }
  },
)

/** Is it the standing grant of this client for this holder, as they are described now? */
export function isHeldBy(
  grant: Grant,
  clientId: string,
  holder: Pick<Grant, "subject" | "username" | "email" | "email_verified" | "provider">,
): boolean {
  const { client_id, redirect_uri, subject, username, email, email_verified, provider } = grant
  if (client_id !== clientId || redirect_uri !== null) return false
  return equal({ subject, username, email, email_verified, provider }, holder)
}

/** Scope and resources of a grant with more of both; undefined when it has them all. */
export function widened(state: Grant, scope: string, resources: readonly string[]) {
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
export const grantCommands = { IssueGrant, IssueStandingGrant, RevokeGrant, ExpireGrants, RevokeAccessToken } as const
