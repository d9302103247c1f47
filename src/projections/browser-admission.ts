import { type RuleFault, ruleFault } from "./access-rule.ts"
import type { BrowserClaims } from "./browser-claims.ts"
import type { Proxy } from "../events/proxy.ts"
import { hostOrigin } from "./browser-host.ts"
import { issuerOf } from "./issuer.ts"

/** Why a genuine cookie does not open a proxy, in the order of the checks. */
export type BrowserAdmissionFault = "wrong_issuer" | "wrong_audience" | RuleFault

/** Does a verified cookie open this host? Issuer, host, people rule; the first that refuses is named. Pure. */
export function browserAdmissionFault(
  { auth, hostname }: Pick<Proxy, "hostname"> & { readonly auth: NonNullable<Proxy["auth"]> },
  claims: BrowserClaims,
  publicHttpsPort: number,
): BrowserAdmissionFault | undefined {
  if (claims.iss !== issuerOf(auth.auth_proxy, publicHttpsPort)) return "wrong_issuer"
  if (claims.aud !== hostOrigin(hostname, publicHttpsPort)) return "wrong_audience"
  return ruleFault(auth, {
    subject: claims.sub,
    username: claims.username,
    verifiedEmail: claims.email ?? null,
    groups: claims.groups,
    clientId: null,
  })
}

/** What tells where a request with a cookie comes from. */
export interface CookieRequest {
  readonly method: string
  readonly webSocket: boolean
  readonly origin: string | undefined
  /** `Sec-Fetch-Site` (Fetch metadata), which no page can set. */
  readonly fetchSite: string | undefined
}

const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"])

/**
 * May a cookie speak for this request? It comes along by itself: what changes something must say that a page of the host sent it,
 * and so must a WebSocket, which no rule of browsers keeps to its own origin.
 * @param own origin of the host
 */
export function isOwnRequest({ method, webSocket, origin, fetchSite }: CookieRequest, own: string): boolean {
  if (webSocket) return origin?.toLowerCase() === own
  if (safeMethods.has(method)) return true
  return fetchSite === "same-origin" || fetchSite === "none" || origin?.toLowerCase() === own
}
