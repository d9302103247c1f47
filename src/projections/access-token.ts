import { type AccessTokenClaims, readClaims } from "./access-token-claims.ts"
import { type SignatureFault, signedTokens } from "./signed-token.ts"
import type { Grant } from "../events/grant.ts"
import type { World } from "../events/world.ts"
import { find } from "../events/world.ts"
import { isOrphan } from "../events/oauth-client.ts"

/** Why a text is not a good access token; stable, for logs and for callers that must tell cases apart. */
export type TokenFault = SignatureFault | "bad_claims" | "wrong_issuer" | "not_yet_valid" | "expired" | "revoked"

/** An access token whose signature and claims were found good. */
export interface AccessToken {
  readonly claims: AccessTokenClaims
  /** Signing key; must still be published for the token to stand. */
  readonly kid: string
}

/** Outcome of a check. */
export type Checked = ({ readonly ok: true } & AccessToken) | { readonly ok: false; readonly reason: TokenFault }

/** Checks access tokens (RFC 9068 §4) against this node's projections: synchronous, no I/O. */
export interface AccessTokens {
  /**
   * Full check: form, header, signature, claims, issuer, times, revocation.
   * @param issuer the one issuer (RFC 8414 §2) whose tokens are wanted, compared byte for byte
   */
  verify(token: string, issuer: string): Checked
  /**
   * What changes after a full check: expiry and revocation, for tokens that were verified before. Nothing is looked up while the
   * projections are as they were when the token last stood, which is noted in `stood`.
   */
  standing(token: AccessToken & { stood?: object | undefined }): TokenFault | undefined
  /** Revocation alone: is the grant there and the client's, the token not ended by itself, the client registered
   * and not switched off, the key published, and are the API tokens still there that its person signed in with and its client was set
   * up with? */
  revoked(token: AccessToken): boolean
}

/** What the check reads. */
export interface AccessTokenSources {
  /** The current fold; asked at each check. */
  readonly world: () => World
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Clocks of nodes may differ by this much, seconds: for `iat` and `nbf`. An expired token has no grace. */
const skew = 60
const accessTokenType = /^(?:application\/)?at\+jwt$/i

/** Checks over the world's signing keys, grants and clients. */
export function accessTokens({ world, now }: AccessTokenSources): AccessTokens {
  const signed = signedTokens(world, accessTokenType)

  function revoked({ claims, kid }: AccessToken): boolean {
    const grant = find(world(), "grant", claims.sid)
    if (grant === undefined || grant.client_id !== claims.client_id || grant.subject !== claims.sub) return true
    if (grant.revoked_tokens?.some(({ jti }) => jti === claims.jti)) return true
    const client = find(world(), "client", claims.client_id)
    if (client === undefined || client.disabled || find(world(), "signing-key", kid) === undefined) return true
    return holderGone(grant) || isOrphan(client, find(world(), "api-token", client.owner ?? ""))
  }

  /** Whoever signed in with an API token is gone with it; one made later under the same name is somebody else's. */
  function holderGone({ provider, username, created_at }: Grant): boolean {
    if (provider !== "local") return false
    const account = find(world(), "api-token", username.toLowerCase())
    return account === undefined || account.created_at > created_at
  }

  /** Stands for one state of the projections. */
  let moment: { readonly world: World | undefined; readonly revision: number } = { world: undefined, revision: -1 }

  function currentMoment(): object {
    const { revision } = world()
    if (moment.revision !== revision || moment.world !== world()) moment = { world: world(), revision }
    return moment
  }

  function standing(token: AccessToken & { stood?: object | undefined }): TokenFault | undefined {
    if (now() >= token.claims.exp * 1000) return "expired"
    const current = currentMoment()
    if (token.stood === current) return undefined
    if (revoked(token)) return "revoked"
    token.stood = current
    return undefined
  }

  function verify(text: string, issuer: string): Checked {
    const found = signed(text)
    if (typeof found === "string") return { ok: false, reason: found }
    const claims = readClaims(found.payload)
    if (claims === undefined) return { ok: false, reason: "bad_claims" }
    if (claims.iss !== issuer) return { ok: false, reason: "wrong_issuer" }
    const soon = now() / 1000 + skew
    if (claims.iat > soon || (claims.nbf ?? 0) > soon) return { ok: false, reason: "not_yet_valid" }
    const token = { claims, kid: found.kid }
    const fault = standing({ ...token })
    return fault === undefined ? { ok: true, ...token } : { ok: false, reason: fault }
  }

  return { verify, standing, revoked }
}
