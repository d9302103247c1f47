import { authority } from "../platform/config.ts"
import type { Proxy } from "../events/proxy.ts"

/** Cookie that ties a login in progress to the browser that began it on this host. */
export const loginCookie = "__Host-gh_login"
/** How long a login may take, seconds. */
export const loginCookieLife = 300
/** Life of a host's cookie, seconds; in its last third it is renewed. */
export const accessCookieLife = 900
/** Paths of ours on hosts that take the cookie; they never reach the backend. */
const reservedPrefix = "/.gatehouse/"

/** Cookie of a signed-in browser on one proxied host. */
export function accessCookieName({ auth }: Pick<Proxy, "auth">): string {
  return auth?.auth_cookie_name ?? "__Host-gh_access"
}

/** Does this host know people by a cookie? */
export function takesCookie({ auth }: Pick<Proxy, "auth">): boolean {
  return auth !== null && auth.auth_enabled && auth.auth_mode !== "forward"
}

/** Is a canonical path one of ours on a host that takes the cookie? */
export function isReserved(path: string): boolean {
  return path.startsWith(reservedPrefix) || path === "/.gatehouse"
}

/** Origin of a proxied host as browsers see it. */
export function hostOrigin(hostname: string, publicHttpsPort: number): string {
  return `https://${authority(hostname, publicHttpsPort)}`
}

/**
 * `Set-Cookie` value of a host's cookie: for this host alone, never for scripts. Lax, because the way back from a login is a
 * cross-site navigation. @param maxAge seconds; 0 removes the cookie
 */
export function hostCookie(name: string, value: string, maxAge: number): string {
  return `${name}=${value}; Max-Age=${maxAge}; Path=/; Secure; HttpOnly; SameSite=Lax`
}
