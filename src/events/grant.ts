import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant } from "./values.ts"

/** Why a grant ended. */
export const GrantEnd = z.enum([
  "client",
  "user",
  "admin",
  "refresh_reuse",
  "code_reuse",
  "client_deleted",
  /** Nothing of it can be used any more. */
  "expired",
])

/** Events of a grant: one user's approval of one client, which owns the refresh family and the access tokens. */
export const grantEvents = {
  GrantIssued: z.strictObject({
    client_id: z.string(),
    /** The client itself, where it acts for nobody else (RFC 6749 §4.4). */
    subject: z.string(),
    username: z.string(),
    email: z.string().nullable(),
    email_verified: z.boolean(),
    provider: z.string(),
    scope: z.string(),
    resources: z.array(z.string()),
    /** Null where no redirect carried the answer: device grant, client credentials. */
    redirect_uri: z.string().nullable(),
  }),
  /** A machine's grant took in more resources or scope. */
  GrantExtended: z.strictObject({ scope: z.string(), resources: z.array(z.string()) }),
  /** One access token of it ended early. */
  AccessTokenRevoked: z.strictObject({ jti: z.string().max(128), expires_at: Instant }),
  GrantRevoked: z.strictObject({ reason: GrantEnd }),
} as const

/** Event of a grant. */
export type GrantEvent = EventOf<typeof grantEvents>

/** A grant that stands. Revoked ones are gone: a token whose grant does not exist is refused. */
export interface Grant extends Readonly<z.infer<typeof grantEvents.GrantIssued>> {
  readonly grant_id: string
  readonly created_at: string
  /** Access tokens that were revoked one by one and have not expired since. */
  readonly revoked_tokens?: readonly z.infer<typeof grantEvents.AccessTokenRevoked>[]
}

/** Folds a grant's events. */
export const evolveGrant: Evolve<Grant, GrantEvent> = (state, event, at) => {
  switch (event.type) {
    case "GrantIssued":
      return { grant_id: event.id, ...event.data, created_at: at }
    case "GrantExtended":
      return state && { ...state, ...event.data }
    case "AccessTokenRevoked": {
      const standing = (state?.revoked_tokens ?? []).filter(({ expires_at }) => expires_at > at)
      return state && { ...state, revoked_tokens: [...standing, event.data] }
    }
    case "GrantRevoked":
      return undefined
  }
}
