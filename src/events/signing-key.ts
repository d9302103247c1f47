import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant, SecretRef } from "./values.ts"

/** Events of a key that signs access tokens; the aggregate's id is its RFC 7638 thumbprint. */
export const signingKeyEvents = {
  SigningKeyAdded: z.strictObject({
    algorithm: z.enum(["RS256", "ES256", "EdDSA"]),
    /** Public JWK (RFC 7517). */
    public_jwk: z.record(z.string(), z.string()),
    key_ref: SecretRef,
    /** Published at once, signs from here on. */
    activates_at: Instant,
  }),
  SigningKeyRetired: z.strictObject({ reason: z.string() }),
} as const

/** Event of a signing key. */
export type SigningKeyEvent = EventOf<typeof signingKeyEvents>

/** A published signing key; its private part is in the vault. */
export interface SigningKey extends Readonly<z.infer<typeof signingKeyEvents.SigningKeyAdded>> {
  readonly kid: string
}

/** Folds a signing key's events. */
export const evolveSigningKey: Evolve<SigningKey, SigningKeyEvent> = (_state, event) => {
  switch (event.type) {
    case "SigningKeyAdded":
      return { kid: event.id, ...event.data }
    case "SigningKeyRetired":
      return undefined
  }
}
