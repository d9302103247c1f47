import type { GuardedRequest, Verdict } from "./guard.ts"
import { hostOrigin, loginCookie } from "../projections/browser-host.ts"
import { type BrowserHeaders, cookieValue } from "./cookie-header.ts"
import type { ResourceProxy } from "../projections/resource.ts"
import { loginRedirect } from "../projections/login-redirect.ts"

/** Is this a page that a person opens (Fetch §3.1 `Sec-Fetch-Mode`), and not something that a script or a program asks for? */
export function isNavigation({ method, upgrade }: GuardedRequest, { fetchMode, accept }: BrowserHeaders): boolean {
  if ((method !== "GET" && method !== "HEAD") || upgrade !== undefined) return false
  if (fetchMode !== undefined) return fetchMode === "navigate"
  return accept !== undefined && /(?:^|,)\s*text\/html\s*(?:[;,]|$)/i.test(accept)
}

/** To the login of the OAuth host, and from there back. @param secret makes a value for a login cookie */
export function toLogin(
  proxy: ResourceProxy,
  request: GuardedRequest,
  publicHttpsPort: number,
  cookies: string | undefined,
  secret: () => string,
  reason: string,
): Verdict {
  const { location, setCookie } = loginRedirect(
    proxy.auth!.auth_proxy,
    publicHttpsPort,
    placeOf(proxy, request, publicHttpsPort),
    cookieValue(cookies, loginCookie),
    secret,
  )
  const headers = ["Location", location, "Set-Cookie", setCookie, ...unstored]
  return { pass: false, status: 302, headers, body: "", reason }
}

/** To the same page over TLS: without it there is no cookie. */
export function toSecure(proxy: ResourceProxy, request: GuardedRequest, publicHttpsPort: number): Verdict {
  const headers = ["Location", placeOf(proxy, request, publicHttpsPort), ...unstored]
  return { pass: false, status: 308, headers, body: "", reason: "to_https" }
}

const unstored = ["Cache-Control", "no-store", "Referrer-Policy", "no-referrer"]

function placeOf({ hostname }: ResourceProxy, { path, query }: GuardedRequest, publicHttpsPort: number): string {
  return `${hostOrigin(hostname, publicHttpsPort)}${path}${query === "" ? "" : `?${query}`}`
}
