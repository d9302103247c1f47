import type { AuthorizationServer } from "./authorization-server.ts"
import type { BrowserClaims } from "../projections/browser-claims.ts"
import type { ResourceProxy } from "../projections/resource.ts"
import { accessCookie } from "./browser-token.ts"
import { hostFault } from "./host-login.ts"
import { GatehouseError } from "../errors.ts"
import { reason } from "../platform/log.ts"
import { sessionOf } from "./session.ts"

/** Asks for a new cookie in place of one; undefined when asking makes no sense now. */
export type RenewCookie = (proxy: ResourceProxy, claims: BrowserClaims) => Promise<string | undefined> | undefined

/** After a failure of the store, requests are not held up again for this long, milliseconds. */
const pauseMs = 10_000
/** Sessions that were looked for in vain, or had no cookie to give: they are not asked again, their cookies are good to their end. */
const mostRemembered = 10_000
/** Requests of one page come together, and the browser has the new cookie when the first of them is answered. */
const togetherMs = 5000

/**
 * Renewal of host cookies: looks at the session's record, which it keeps alive, and asks account and rule again. Requests that come
 * together share one look. A promise never rejects and gives undefined where there is no new cookie; the old one is good to its end.
 */
export function browserRenewal(server: AuthorizationServer): RenewCookie {
  const recent = new Map<string, { readonly answer: Promise<string | undefined>; readonly since: number }>()
  const over = new Set<string>()
  let pausedUntil = 0

  async function renewed(proxy: ResourceProxy, { ses, sid, sub }: BrowserClaims): Promise<string | undefined> {
    try {
      const session = await sessionOf(server, ses)
      const same = session?.session_id === sid && session.user.subject === sub
      if (same && hostFault(server, session.user, proxy) === undefined)
        return await accessCookie(server, proxy, session)
    } catch (error) {
      server.log.warning("host_cookie_not_renewed", { hostname: proxy.hostname, error: reason(error) })
      if (error instanceof GatehouseError && error.code === "store_unavailable") {
        pausedUntil = server.clock().getTime() + pauseMs
        return undefined
      }
    }
    if (over.size >= mostRemembered) over.clear()
    over.add(ses)
    return undefined
  }

  return (proxy, claims) => {
    if (over.has(claims.ses) || server.clock().getTime() < pausedUntil) return undefined
    const now = server.clock().getTime()
    const key = `${proxy.hostname} ${claims.ses}`
    const known = recent.get(key)
    if (known !== undefined && now - known.since < togetherMs) return known.answer
    if (recent.size >= mostRemembered) recent.clear()
    const answer = renewed(proxy, claims)
    recent.set(key, { answer, since: now })
    return answer
  }
}
