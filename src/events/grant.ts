import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"

/** Events of a grant: one user's approval of one client, which owns the refresh family and the access tokens. */
export const grantEvents = {
  GrantIssued: z.strictObject({
    client_id: z.string(),
    subject: z.string(),
    username: z.string(),
    email: z.string().nullable(),
    email_verified: z.boolean(),
    provider: z.string(),
    scope: z.string(),
    resources: z.array(z.string()),
    redirect_uri: z.string(),
  }),
  GrantRevoked: z.strictObject({ reason: z.enum(["client", "user", "admin", "refresh_reuse", "code_reuse", "client_deleted"]) }),
} as const

/** Event of a grant. */
export type GrantEvent = EventOf<typeof grantEvents>

/** A grant that stands. Revoked ones are gone: a token whose grant does not exist is refused. */
export interface Grant extends Readonly<z.infer<typeof grantEvents.GrantIssued>> {
  readonly grant_id: string
  readonly created_at: string
}

/** Folds a grant's events. */
export const evolveGrant: Evolve<Grant, GrantEvent> = (_state, event, at) => {
  switch (event.type) {
    case "GrantIssued":
      return { grant_id: event.id, ...event.data, created_at: at }
    case "GrantRevoked":
      return undefined
  }
}
