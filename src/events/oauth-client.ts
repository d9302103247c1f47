import * as z from "zod"
import type { ApiToken } from "./api-token.ts"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant, Sha256 } from "./values.ts"

/** `grant_type` of the device grant (RFC 8628 §3.4). */
export const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

/** `grant_type` of an assertion by a trusted issuer (RFC 7523 §2.1). */
export const assertionGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

/** Client metadata as it was stored (RFC 7591 §2). */
export const ClientMetadata = z.strictObject({
  client_name: z.string().max(100).optional(),
  redirect_uris: z.array(z.string()).max(10),
  grant_types: z
    .array(z.enum(["authorization_code", "refresh_token", "client_credentials", deviceGrant, assertionGrant]))
    .min(1),
  response_types: z.array(z.literal("code")),
  token_endpoint_auth_method: z.enum(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]),
  /** Public keys of the client (RFC 7517 §5); never together with `jwks_uri`. */
  jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(10) }).optional(),
  jwks_uri: z.string().max(2048).optional(),
  scope: z.string().optional(),
  application_type: z.enum(["web", "native"]).optional(),
  client_uri: z.string().optional(),
  logo_uri: z.string().optional(),
  contacts: z.array(z.string()).optional(),
  software_id: z.string().optional(),
  software_version: z.string().optional(),
  /** Token requests of this client need a proof of possession (RFC 9449 §5.2). */
  dpop_bound_access_tokens: z.boolean().optional(),
})

/** Where a client comes from: its own registration, a document at its id's URL, or somebody with an API token. */
export const ClientKind = z.enum(["dynamic", "cimd", "admin"])

/** Events of an OAuth client; the aggregate's id is its client_id. */
export const clientEvents = {
  ClientRegistered: z.strictObject({
    metadata: ClientMetadata,
    secret_hash: Sha256.nullable(),
    /** Null for what did not register itself. */
    registration_token_hash: Sha256.nullable(),
    /** Null = never. */
    expires_at: Instant.nullable(),
    /** `dynamic` when absent. */
    kind: ClientKind.optional(),
    /** Id of the API token that made it. */
    owner: z.string().optional(),
  }),
  ClientUpdated: z.strictObject({ metadata: ClientMetadata }),
  /** It was used; told at most once a day, with the end of life that follows. */
  ClientUsed: z.strictObject({ expires_at: Instant.nullable() }),
  /** Its secret was replaced. */
  ClientSecretReplaced: z.strictObject({ secret_hash: Sha256 }),
  ClientDisabled: z.strictObject({}),
  ClientEnabled: z.strictObject({}),
  /** An administrator stands for it being who it says, or does so no more. */
  ClientVouched: z.strictObject({ vouched: z.boolean() }),
  ClientDeleted: z.strictObject({ reason: z.string() }),
} as const

/** Event of an OAuth client. */
export type ClientEvent = EventOf<typeof clientEvents>

/** A registered OAuth client; secrets only as SHA-256. */
export interface Client {
  readonly client_id: string
  readonly kind: z.infer<typeof ClientKind>
  readonly metadata: z.infer<typeof ClientMetadata>
  readonly secret_hash: string | null
  readonly registration_token_hash: string | null
  /** Id of the API token that made it; null for `dynamic` and `cimd`. */
  readonly owner: string | null
  readonly disabled: boolean
  readonly vouched: boolean
  readonly created_at: string
  readonly expires_at: string | null
  /** A use at most a day before the last one; null = nobody ever finished a login with it. */
  readonly used_at: string | null
}

/** Folds a client's events. */
export const evolveClient: Evolve<Client, ClientEvent> = (state, event, at) => {
  switch (event.type) {
    case "ClientRegistered": {
      const { kind = "dynamic", owner = null, ...data } = event.data
      const fresh = { disabled: false, vouched: false, created_at: at, used_at: null }
      return { client_id: event.id, ...data, kind, owner, ...fresh }
    }
    case "ClientUpdated":
    case "ClientSecretReplaced":
    case "ClientVouched":
      return state && { ...state, ...event.data }
    case "ClientUsed":
      return state && { ...state, ...event.data, used_at: at }
    case "ClientDisabled":
      return state && { ...state, disabled: true }
    case "ClientEnabled":
      return state && { ...state, disabled: false }
    case "ClientDeleted":
      return undefined
  }
}

const unusedLifeMs = 86_400_000

/** When a client's life is over, milliseconds since the epoch: a registration that nobody ever used has one day. */
export function endOfLife({ kind, expires_at, created_at, used_at }: Client): number {
  const end = expires_at === null ? Infinity : Date.parse(expires_at)
  return kind === "dynamic" && used_at === null ? Math.min(end, Date.parse(created_at) + unusedLifeMs) : end
}

/** Is whoever set this client up gone? A token that was made later under the same name is somebody else. */
export function isOrphan({ owner, created_at }: Client, ownersToken: ApiToken | undefined): boolean {
  if (owner === null || owner === "admin") return false
  return ownersToken === undefined || Date.parse(ownersToken.created_at) > Date.parse(created_at)
}
