import { accessCookieLife, accessCookieName, hostCookie, hostOrigin } from "../projections/browser-host.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { BrowserClaims } from "../projections/browser-claims.ts"
import type { BrowserSession } from "./session.ts"
import { PageError } from "./oauth-error.ts"
import type { ResourceProxy } from "../projections/resource.ts"
import { SignJWT } from "jose"
import { browserTokenType } from "../projections/browser-cookie.ts"
import { foldAscii } from "../events/access-pattern.ts"

/** Browsers keep cookies of up to 4096 octets with name and attributes, and drop longer ones without a word. */
const longest = 3800

/** Host cookie of a signed-in browser, as a `Set-Cookie` value. @throws GatehouseError `store_unavailable`; PageError */
export async function accessCookie(
  server: AuthorizationServer,
  proxy: ResourceProxy,
  session: BrowserSession,
): Promise<string> {
  const name = accessCookieName(proxy)
  const { groups } = session.user
  // Of very many groups only those stay that this host's rule names.
  const named = new Set((proxy.auth?.auth_required_groups ?? []).map(foldAscii))
  for (const kept of [groups, groups.filter((group) => named.has(foldAscii(group)))]) {
    const token = await browserToken(server, proxy, session, kept)
    if (name.length + token.length <= longest) return hostCookie(name, token, accessCookieLife)
  }
  throw new PageError(
    500,
    "cookie_too_large",
    "Sign-in not possible",
    "Your account has more groups in this host's rule than a cookie can hold.",
  )
}

async function browserToken(
  server: AuthorizationServer,
  { hostname }: ResourceProxy,
  { user, session_id, handle, ends }: BrowserSession,
  groups: readonly string[],
): Promise<string> {
  const { kid, algorithm, privateKey } = await server.signingKeys.signer()
  const now = Math.floor(server.clock().getTime() / 1000)
  const claims = {
    iss: server.issuer,
    aud: hostOrigin(hostname, server.config.publicHttpsPort),
    sub: user.subject,
    sid: session_id,
    ses: handle,
    iat: now,
    exp: Math.max(now + 1, Math.min(now + accessCookieLife, Math.floor(ends / 1000))),
    auth_time: user.authTime,
    provider: user.provider as BrowserClaims["provider"],
    username: user.username,
    ...(user.name !== null && { name: user.name }),
    ...(user.email !== null && user.emailVerified && { email: user.email }),
    groups: [...groups],
  } satisfies BrowserClaims
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: browserTokenType, kid }).sign(privateKey)
}
