import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant, SecretRef } from "./values.ts"

/** Events of a certificate authority as Gatehouse knows it: id `internal` is its own, any other id is an ACME directory URL. */
export const authorityEvents = {
  InternalAuthorityCreated: z.strictObject({ certificate_pem: z.string(), key_ref: SecretRef, expires_at: Instant }),
  AcmeAccountRegistered: z.strictObject({ account_url: z.string(), email: z.string().nullable(), key_ref: SecretRef }),
  /** The CA does not know the account any more (RFC 8555 accountDoesNotExist). */
  AcmeAccountLost: z.strictObject({ account_url: z.string() }),
} as const

/** Event of a certificate authority. */
export type AuthorityEvent = EventOf<typeof authorityEvents>

/** Gatehouse's own CA, or its account at an ACME CA. */
export type Authority =
  | ({ readonly type: "internal" } & Readonly<z.infer<typeof authorityEvents.InternalAuthorityCreated>>)
  | ({ readonly type: "acme" } & Readonly<z.infer<typeof authorityEvents.AcmeAccountRegistered>>)

/** Folds a certificate authority's events. */
export const evolveAuthority: Evolve<Authority, AuthorityEvent> = (_state, event) => {
  switch (event.type) {
    case "InternalAuthorityCreated":
      return { type: "internal", ...event.data }
    case "AcmeAccountRegistered":
      return { type: "acme", ...event.data }
    case "AcmeAccountLost":
      return undefined
  }
}
