import type { AccessTokens } from "../projections/access-token.ts"
import type { BrowserCookies } from "../projections/browser-cookie.ts"
import type { CommandBus } from "../platform/command-bus.ts"
import type { Config } from "../platform/config.ts"
import type { Counters } from "../platform/counters.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { DocumentFetch } from "./document-fetch.ts"
import type { EventStore } from "../platform/event-store.ts"
import type { H3Event } from "h3"
import type { KeyObject } from "node:crypto"
import type { RateLimiter } from "../platform/rate-limit.ts"
import type { Logger } from "../platform/log.ts"
import type { AddressedRequest } from "./outcome.ts"
import type { Oidc } from "./oidc.ts"
import type { ProofNonces } from "../projections/dpop-nonce.ts"
import type { Projections } from "../projections/projections.ts"
import type { SigningKeys } from "./signing-keys.ts"
import type { TokensByHash } from "../projections/tokens-by-hash.ts"
import type { TrustedIssuer } from "./trusted-issuer.ts"
import type { TtlStore } from "../platform/ttl-store.ts"
import type { Usage } from "../platform/usage.ts"
import type { Vault } from "../platform/vault.ts"
import { getRequestIP } from "h3"

/** What the composition root hands to the authorization server. */
export interface AuthorizationServerParts {
  readonly config: Config
  readonly projections: Projections
  readonly bus: CommandBus
  readonly store: Pick<EventStore, "secret">
  readonly vault: Vault
  readonly ttl: TtlStore
  readonly log: Logger
  readonly clock: () => Date
  /** Told what happens, for the numbers of administrators. */
  readonly counters?: Pick<Counters, "add" | "addTo">
  /** Is what this peer says of the original request believed? Nobody's is by default. */
  readonly trusts?: (peer: string) => boolean
  /** What was used when, from the access log. */
  readonly usage?: Pick<Usage, "of">
  readonly crash?: CrashPoint
  /** For calls to identity providers. */
  readonly fetch?: typeof fetch
  /** For documents at addresses that others choose. */
  readonly documents?: DocumentFetch
}

/** Everything that the endpoints work with. */
export interface AuthorizationServer extends Omit<
  AuthorizationServerParts,
  "fetch" | "documents" | "counters" | "trusts" | "crash"
> {
  readonly trusts: (peer: string) => boolean
  readonly crash: CrashPoint
  /** Issuer identifier (RFC 8414 §2), compared byte for byte by clients. */
  readonly issuer: string
  readonly fetch: typeof fetch
  readonly documents: DocumentFetch
  readonly counters: Pick<Counters, "add" | "addTo">
  /** The OpenID provider, where one is configured. */
  readonly oidc: Oidc | undefined
  /** Issuers whose word about people is taken, by identifier. */
  readonly trustedIssuers: ReadonlyMap<string, TrustedIssuer>
  readonly limiter: RateLimiter
  readonly signingKeys: SigningKeys
  readonly tokensByHash: TokensByHash
  readonly accessTokens: AccessTokens
  readonly browserCookies: BrowserCookies
  /** Where proofs of possession must carry a nonce. */
  readonly proofNonces: ProofNonces | undefined
  /** Key of the refresh tokens' MAC, the same on every node. */
  readonly refreshKey: KeyObject
}

/** An endpoint: request in, response out. Throws OAuthError, PageError or GatehouseError for everything that is no success. */
export type Handler = (server: AuthorizationServer, event: H3Event) => Promise<Response> | Response

/** Client address of a request. */
export function clientAddress(event: H3Event): string {
  const request = event.runtime?.node?.req as AddressedRequest | undefined
  return request?.clientAddress ?? peerAddress(event)
}

/** Address of the connection that a request came on. */
export function peerAddress(event: H3Event): string {
  return getRequestIP(event) ?? "unknown"
}

/** End of life of a client that is used now, ISO 8601. */
export function clientLifeEnds({ config, clock }: Pick<AuthorizationServer, "config" | "clock">): string {
  return new Date(clock().getTime() + config.OAUTH_CLIENT_LIFETIME * 1000).toISOString()
}
