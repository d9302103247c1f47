import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant, Sha256 } from "./values.ts"

/** Client metadata as it was stored (RFC 7591 §2). */
export const ClientMetadata = z.strictObject({
  client_name: z.string().max(100).optional(),
  redirect_uris: z.array(z.string()).max(10),
  grant_types: z.array(z.enum(["authorization_code", "refresh_token"])).min(1),
  response_types: z.array(z.literal("code")),
  token_endpoint_auth_method: z.enum(["none", "client_secret_basic", "client_secret_post"]),
  scope: z.string().optional(),
  application_type: z.enum(["web", "native"]).optional(),
  client_uri: z.string().optional(),
  logo_uri: z.string().optional(),
  contacts: z.array(z.string()).optional(),
  software_id: z.string().optional(),
  software_version: z.string().optional(),
})

/** Events of an OAuth client; the aggregate's id is its client_id. */
export const clientEvents = {
  ClientRegistered: z.strictObject({
    metadata: ClientMetadata,
    secret_hash: Sha256.nullable(),
    registration_token_hash: Sha256,
    expires_at: Instant,
  }),
  ClientUpdated: z.strictObject({ metadata: ClientMetadata }),
  ClientDeleted: z.strictObject({ reason: z.string() }),
} as const

/** Event of an OAuth client. */
export type ClientEvent = EventOf<typeof clientEvents>

/** A registered OAuth client; secrets only as SHA-256. */
export interface Client {
  readonly client_id: string
  readonly metadata: z.infer<typeof ClientMetadata>
  readonly secret_hash: string | null
  readonly registration_token_hash: string
  readonly created_at: string
  readonly expires_at: string
}

/** Folds a client's events. */
export const evolveClient: Evolve<Client, ClientEvent> = (state, event, at) => {
  switch (event.type) {
    case "ClientRegistered":
      return { client_id: event.id, ...event.data, created_at: at }
    case "ClientUpdated":
      return state && { ...state, ...event.data }
    case "ClientDeleted":
      return undefined
  }
}
