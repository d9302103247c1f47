import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Email, SecretRef, Sha256, TokenName } from "./values.ts"

/** Events of an API token; the aggregate's id is its name in lower case. */
export const apiTokenEvents = {
  TokenCreated: z.strictObject({
    name: TokenName,
    hash: Sha256,
    /** First and last characters, for people. */
    preview: z.string(),
    cert_email: Email.nullable(),
    /** Where the vault keeps the value; null for `ADMIN` from the environment. */
    secret_ref: SecretRef.nullable(),
    is_admin: z.boolean(),
  }),
  TokenEmailUpdated: z.strictObject({ cert_email: Email.nullable() }),
  /** The administrator's token in the environment was changed. */
  TokenReplaced: z.strictObject({ hash: Sha256, preview: z.string() }),
  TokenRevealed: z.strictObject({ by: z.string() }),
  TokenDeleted: z.strictObject({ name: TokenName }),
} as const

/** Event of an API token. */
export type ApiTokenEvent = EventOf<typeof apiTokenEvents>

/** An API token; never its value. */
export interface ApiToken {
  readonly name: string
  readonly hash: string
  readonly preview: string
  readonly cert_email: string | null
  readonly secret_ref: string | null
  readonly is_admin: boolean
  readonly created_at: string
}

/** Folds an API token's events. */
export const evolveApiToken: Evolve<ApiToken, ApiTokenEvent> = (state, event, at) => {
  switch (event.type) {
    case "TokenCreated":
      return { ...event.data, created_at: at }
    case "TokenEmailUpdated":
    case "TokenReplaced":
      return state && { ...state, ...event.data }
    case "TokenRevealed":
      return state
    case "TokenDeleted":
      return undefined
  }
}
