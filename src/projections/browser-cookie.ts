import { type BrowserClaims, readBrowserClaims } from "./browser-claims.ts"
import { type SignatureFault, signedTokens } from "./signed-token.ts"
import { type World, find } from "../events/world.ts"

/** `typ` of the token in a host's cookie: no access token is one, and it is no access token. */
export const browserTokenType = "gatehouse-session+jwt"

/** Why a cookie does not open the host that it came to. */
export type CookieFault =
  | SignatureFault
  | "bad_claims"
  | "wrong_issuer"
  | "wrong_audience"
  | "not_yet_valid"
  | "expired"
  | "session_ended"
  | "account_gone"

/** A cookie whose signature and claims were found good. */
export interface BrowserCookie {
  readonly claims: BrowserClaims
  /** Signing key; must still be published for the cookie to stand. */
  readonly kid: string
}

/** Checks cookies of signed-in browsers against this node's projections: synchronous, no I/O. */
export interface BrowserCookies {
  /** Full check. @param audience origin of the one host that the cookie may be for; undefined takes any of ours */
  verify(text: string, issuer: string, audience: string | undefined): BrowserCookie | CookieFault
  /** What changes after a full check: time, session, account, key. A few look-ups. */
  standing(cookie: BrowserCookie): CookieFault | undefined
  /** The same without the time, for streams that may outlive it. */
  ended(cookie: BrowserCookie): CookieFault | undefined
}

/** Clocks of nodes may differ by this much, seconds. */
const skew = 60

/** Checks over the world's signing keys, ended sessions and API tokens. @param now milliseconds since the epoch */
export function browserCookies(world: () => World, now: () => number): BrowserCookies {
  const signed = signedTokens(world, /^gatehouse-session\+jwt$/)

  function ended({ claims, kid }: BrowserCookie): CookieFault | undefined {
    if (find(world(), "browser-session", claims.sid) !== undefined) return "session_ended"
    if (find(world(), "signing-key", kid) === undefined) return "unknown_key"
    const account = claims.provider === "local" ? find(world(), "api-token", claims.username.toLowerCase()) : undefined
    if (claims.provider !== "local") return undefined
    // A token made later under the same name is somebody else's.
    const same = account !== undefined && Date.parse(account.created_at) < (claims.auth_time + 1) * 1000
    return same ? undefined : "account_gone"
  }

  function standing(cookie: BrowserCookie): CookieFault | undefined {
    return now() >= cookie.claims.exp * 1000 ? "expired" : ended(cookie)
  }

  function verify(text: string, issuer: string, audience: string | undefined): BrowserCookie | CookieFault {
    const found = signed(text)
    if (typeof found === "string") return found
    const claims = readBrowserClaims(found.payload)
    if (claims === undefined) return "bad_claims"
    if (claims.iss !== issuer) return "wrong_issuer"
    if (audience !== undefined && claims.aud !== audience) return "wrong_audience"
    if (claims.iat > now() / 1000 + skew) return "not_yet_valid"
    const cookie = { claims, kid: found.kid }
    return standing(cookie) ?? cookie
  }

  return { verify, standing, ended }
}
