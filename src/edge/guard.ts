import type { BrowserClaims } from "../projections/browser-claims.ts"
import type { AccessTokenClaims } from "../projections/access-token-claims.ts"
import type { ResourceProxy } from "../projections/resource.ts"

/** What the guard looks at: one parse of the request gave all of it. */
export interface GuardedRequest {
  readonly method: string
  /** Canonical path, without the query. */
  readonly path: string
  /** Raw query without `?`, empty when there is none. */
  readonly query: string
  /** Flat name, value, name, value … as received. */
  readonly rawHeaders: readonly string[]
  /** Goes into error documents as `instance`. */
  readonly requestId?: string
  /** The connection that it came on. */
  readonly client?: { readonly secure: boolean }
  /** Set for an upgrade to WebSocket. */
  readonly upgrade?: unknown
}

/** Identity behind a request that passed, for the access log and for closing its streams. */
export interface Identity {
  readonly subject: string
  /** Null for a person who signed in on the host itself. */
  readonly clientId: string | null
  /** Grant that the token belongs to, or browser session. */
  readonly grantId: string
  /** `jti` of the token, for the access log. */
  readonly tokenId?: string
  /** Expiry of the token, seconds since the epoch. */
  readonly expires: number
}

/** What is left to do for a request with a proof of possession (RFC 9449). */
export interface ProvenPass {
  /** The proof, by a name that is the same on every node: it is good once. */
  readonly id: string
  /** The verdict instead, when another node saw the proof before. */
  readonly replayed: () => Verdict
}

/** Answer of the guard. */
export type Verdict =
  | {
      readonly pass: true
      /** Headers for the backend: flat name, value, … Checked for control characters. */
      readonly headers: readonly string[]
      /** Authorization and Gatehouse cookies go no further. */
      readonly protected: boolean
      readonly identity: Identity | null
      /** For the answer to a browser on the MCP endpoint: these replace the backend's CORS headers. Flat name, value, … */
      readonly cors?: readonly string[]
      /** The cookie that the request came with is to be renewed. */
      readonly renew?: BrowserClaims
      /** The request came with a proof of possession. */
      readonly proof?: ProvenPass
      /** For the answer: what the client's next proof must carry. */
      readonly nonce?: string
    }
  | {
      readonly pass: false
      readonly status: number
      /** Flat name, value, … */
      readonly headers: readonly string[]
      readonly body: string
      /** Stable reason for the access log. */
      readonly reason: string
    }

/** Decides synchronously, from memory, whether a request may reach its proxy's backend. */
export interface Guard {
  check(proxy: ResourceProxy, request: GuardedRequest): Verdict
  /** May a stream with this identity stay open on this proxy? Asked after each change of the projections. */
  stillAllowed(proxy: ResourceProxy, identity: Identity): boolean
  /** What the token of an identity says; undefined for one that this guard never gave out. */
  claims(identity: Identity): AccessTokenClaims | undefined
}
