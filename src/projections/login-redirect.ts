import { hostCookie, loginCookie, loginCookieLife } from "./browser-host.ts"
import { digest } from "../platform/ids.ts"
import { issuerOf } from "./issuer.ts"

/** A browser that is sent to the OAuth host to sign in. */
export interface LoginRedirect {
  readonly location: string
  /** `Set-Cookie` of the host that it comes from. */
  readonly setCookie: string
}

/** Octets that the address of a login may have; a longer place to return to is cut to its path. */
const longest = 4000

/**
 * Where a browser goes to sign in for a host.
 * @param returnUrl absolute, on that host
 * @param known value of the login cookie that the browser has; kept, so that parallel tabs share one
 * @param fresh value to use when there is none
 */
export function loginRedirect(
  oauthHost: string,
  publicHttpsPort: number,
  returnUrl: string,
  known: string | undefined,
  fresh: () => string,
): LoginRedirect {
  const value = known !== undefined && /^[A-Za-z0-9_-]{43}$/.test(known) ? known : fresh()
  const place = returnUrl.length > longest ? returnUrl.split("?", 1)[0]!.slice(0, longest) : returnUrl
  const query = new URLSearchParams({ return_url: place, nonce: digest(value) })
  return {
    location: `${issuerOf(oauthHost, publicHttpsPort)}/login?${query.toString()}`,
    setCookie: hostCookie(loginCookie, value, loginCookieLife),
  }
}
