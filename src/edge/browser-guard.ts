import { type BrowserCookie, type BrowserCookies, type CookieFault } from "../projections/browser-cookie.ts"
import { type BrowserHeaders, browserHeaders, cookieValue } from "./cookie-header.ts"
import type { Guard, GuardedRequest, Identity, Verdict } from "./guard.ts"
import { accessCookieLife, accessCookieName, hostOrigin, takesCookie } from "../projections/browser-host.ts"
import { isNavigation, toLogin, toSecure } from "./login-answer.ts"
import { readCredential } from "./credentials.ts"
import { tokenInQuery } from "../projections/query-token.ts"
import type { ResourceProxy } from "../projections/resource.ts"
import type { ResourceSettings } from "../projections/admission.ts"
import type { RuleFault } from "../projections/access-rule.ts"
import { browserAdmissionFault, isOwnRequest } from "../projections/browser-admission.ts"
import { type KnownCredential, credentialCache } from "./credential-cache.ts"
import { identityHeaders } from "./identity-headers.ts"
import { type Plan, plan } from "./token-guard.ts"
import { isExcluded } from "../projections/excluded-paths.ts"
import { isMcpEndpoint } from "../projections/mcp-endpoint.ts"
import { issuerOf } from "../projections/issuer.ts"
import { refusal } from "./refusal.ts"

/** What the guard is made of. */
export interface BrowserGuardParts {
  /** Judges everything that comes without a host's cookie. */
  readonly guard: Guard
  readonly cookies: BrowserCookies
  readonly settings: ResourceSettings
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Makes a value for a login cookie. */
  readonly secret: () => string
  /** Cookies remembered per generation; twice as many at most. */
  readonly remembered?: number
}

type Pass = Extract<Verdict, { pass: true }>
type Outcome = Pass | CookieFault | RuleFault | "identity_not_representable"

/** A verified cookie, and what it is worth on the proxy that it was last used for. */
interface Remembered extends BrowserCookie, KnownCredential {
  readonly identity: Identity
  proxy: ResourceProxy
  outcome: Outcome
}

const renewFromSeconds = accessCookieLife / 3

/**
 * Guard of hosts in redirect and passthrough mode: takes the host's own cookie, sends navigations without one to the login, and
 * leaves everything else, and always the MCP endpoint, to the guard of access tokens. Hosts in forward mode cost one look.
 *
 * A verified cookie is remembered; time, session, account and key are looked up each time.
 */
export function browserGuard(parts: BrowserGuardParts): Guard {
  const { guard, cookies, settings, now, secret, remembered = 10_000 } = parts
  const { publicHttpsPort } = settings
  const cache = credentialCache<Remembered>(remembered)
  const cookieOf = new WeakMap<Identity, BrowserCookie>()
  const plans = new WeakMap<ResourceProxy, Plan>()

  function planOf(proxy: ResourceProxy): Plan {
    const known = plans.get(proxy)
    if (known !== undefined) return known
    const made = plan(proxy, publicHttpsPort)
    plans.set(proxy, made)
    return made
  }

  function outcomeOn(proxy: ResourceProxy, { claims }: BrowserCookie, identity: Identity): Outcome {
    const auth = proxy.auth!
    const fault = browserAdmissionFault({ hostname: proxy.hostname, auth }, claims, publicHttpsPort)
    if (fault !== undefined) return fault
    const headers = auth.auth_pass_headers ? identityHeaders(auth.auth_header_prefix, claims) : []
    return headers === undefined ? "identity_not_representable" : { pass: true, headers, protected: true, identity }
  }

  function judge(proxy: ResourceProxy, text: string): Outcome {
    const known = cache.get(text)
    if (known === undefined) return meet(proxy, text)
    const fault = cookies.standing(known)
    if (fault !== undefined) {
      cache.delete(text)
      return fault
    }
    if (known.proxy !== proxy) {
      known.outcome = outcomeOn(proxy, known, known.identity)
      known.proxy = proxy
    }
    return due(known)
  }

  function meet(proxy: ResourceProxy, text: string): Outcome {
    const issuer = issuerOf(proxy.auth!.auth_proxy, publicHttpsPort)
    const cookie = cookies.verify(text, issuer, hostOrigin(proxy.hostname, publicHttpsPort))
    if (typeof cookie === "string") return cookie
    const { sub: subject, sid: grantId, exp: expires } = cookie.claims
    const identity = { subject, clientId: null, grantId, expires }
    const met: Remembered = { ...cookie, text, identity, proxy, outcome: outcomeOn(proxy, cookie, identity) }
    cookieOf.set(identity, cookie)
    cache.set(met)
    return due(met)
  }

  /** In its last third a cookie that passes asks to be renewed. */
  function due({ outcome, claims }: Remembered): Outcome {
    if (typeof outcome === "string" || now() < (claims.exp - renewFromSeconds) * 1000) return outcome
    return { ...outcome, renew: claims }
  }

  function check(proxy: ResourceProxy, request: GuardedRequest): Verdict {
    if (!takesCookie(proxy)) return guard.check(proxy, request)
    if (isMcpEndpoint(proxy, request.path)) return guard.check(proxy, request)
    const { excluded, origin } = planOf(proxy)
    const headers = browserHeaders(request.rawHeaders)
    const cookie = request.client?.secure === true ? cookieValue(headers.cookie, accessCookieName(proxy)) : undefined
    // A token that came along is the caller's word; one in the query is refused whatever else there is.
    const others = readCredential(headers.authorization).type !== "none" || tokenInQuery(request.query)
    if (cookie === undefined || others || (excluded.length > 0 && isExcluded(request.path, excluded)))
      return withoutCookie(proxy, request, headers, undefined)
    const outcome = judge(proxy, cookie)
    if (typeof outcome === "string") return withoutCookie(proxy, request, headers, outcome)
    const { fetchSite, origin: from } = headers
    const told = { method: request.method, webSocket: request.upgrade !== undefined, origin: from, fetchSite }
    if (isOwnRequest(told, origin)) return outcome
    return proxy.auth!.auth_mode === "passthrough"
      ? guard.check(proxy, request)
      : refused("origin_not_allowed", proxy, request)
  }

  /** The request by what else it brings; in redirect mode a navigation that brings nothing goes to the login. */
  function withoutCookie(
    proxy: ResourceProxy,
    request: GuardedRequest,
    headers: BrowserHeaders,
    fault: Exclude<Outcome, Pass> | undefined,
  ): Verdict {
    const verdict = guard.check(proxy, request)
    if (verdict.pass || proxy.auth!.auth_mode !== "redirect" || verdict.reason !== "no_credential") return verdict
    if (fault === "identity_not_representable") return refused(fault, proxy, request)
    const reason = fault ?? verdict.reason
    if (isNavigation(request, headers))
      return request.client?.secure === true
        ? toLogin(proxy, request, publicHttpsPort, headers.cookie, secret, reason)
        : toSecure(proxy, request, publicHttpsPort)
    switch (fault) {
      case "user_not_allowed":
      case "email_not_allowed":
      case "group_not_allowed":
        return refused(fault, proxy, request)
      default:
        return { ...verdict, reason }
    }
  }

  function refused(
    fault: RuleFault | "identity_not_representable" | "origin_not_allowed",
    proxy: ResourceProxy,
    { requestId }: GuardedRequest,
  ): Verdict {
    return refusal(fault, { proxy, publicHttpsPort, mcpEndpoint: false, cors: [], requestId })
  }

  function stillAllowed(proxy: ResourceProxy, identity: Identity): boolean {
    const cookie = cookieOf.get(identity)
    if (cookie === undefined) return guard.stillAllowed(proxy, identity)
    if (!proxy.enabled) return false
    if (proxy.auth?.auth_enabled !== true) return true
    if (proxy.auth.auth_mode === "forward" || cookies.ended(cookie) !== undefined) return false
    return proxy.auth.auth_mode === "passthrough" || typeof outcomeOn(proxy, cookie, identity) !== "string"
  }

  return { check, stillAllowed, claims: guard.claims }
}
