import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Sha256 } from "./values.ts"

/** Events of a remembered consent; the aggregate's id is derived from user, client, redirect URI and resources. */
export const consentEvents = {
  ConsentGranted: z.strictObject({
    subject: z.string(),
    client_id: z.string(),
    redirect_uri: z.string(),
    resources: z.array(z.string()),
    scope: z.string(),
    /** Digest of what the page said of the client: its name and redirect URIs. */
    shown: Sha256,
  }),
  ConsentWithdrawn: z.strictObject({ reason: z.string() }),
} as const

/** Event of a remembered consent. */
export type ConsentEvent = EventOf<typeof consentEvents>

/** What somebody allowed a client the last time that they were asked. */
export interface Consent extends Readonly<z.infer<typeof consentEvents.ConsentGranted>> {
  readonly consent_id: string
  readonly granted_at: string
}

/** Folds a consent's events. */
export const evolveConsent: Evolve<Consent, ConsentEvent> = (_state, event, at) => {
  switch (event.type) {
    case "ConsentGranted":
      return { consent_id: event.id, ...event.data, granted_at: at }
    case "ConsentWithdrawn":
      return undefined
  }
}
