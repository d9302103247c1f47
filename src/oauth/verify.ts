import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { type AdmissionFault, admissionFault } from "../projections/admission.ts"
import type { AccessTokenClaims } from "../projections/access-token-claims.ts"
import { GatehouseError } from "../errors.ts"
import type { H3Event } from "h3"
import { OAuthError } from "./oauth-error.ts"
import type { BrowserClaims } from "../projections/browser-claims.ts"
import { type OriginalRequest, originalRequest } from "./original-request.ts"
import { accessCookieName, hostOrigin, takesCookie } from "../projections/browser-host.ts"
import { browserAdmissionFault, isOwnRequest } from "../projections/browser-admission.ts"
import { excludedPaths, isExcluded } from "../projections/excluded-paths.ts"
import { isMcpEndpoint } from "../projections/mcp-endpoint.ts"
import { preflightHeaders } from "../projections/cors.ts"
import { requireProof } from "./original-proof.ts"
import { takesOrigin } from "../projections/mcp-origin.ts"
import { tokenInQuery } from "../projections/query-token.ts"
import { readCookie } from "./cookies.ts"
import { type ResourceProxy, resourceIdentity } from "../projections/resource.ts"
import { scopeChallenge, tokenChallenge } from "../projections/bearer-challenge.ts"
import { usableScopes } from "../projections/scope.ts"
import { about } from "./outcome.ts"

/**
 * `/verify`, by any method: forward authentication for other proxies. Checks the token of the Authorization header, or the cookie of a
 * signed-in browser, as the gateway does. Where the original request is known and for a proxy of ours, its audience, rule and scopes
 * are judged as well, its open paths are open, its MCP endpoint answers preflights of pages that may call it, and in passthrough mode whoever is not known passes without a name; otherwise the
 * answer covers the token alone.
 * @throws OAuthError `invalid_request` (400), `invalid_token` (401), `access_denied` (403); GatehouseError `projection_behind` when
 * it cannot decide, `proxy_disabled`
 */
export const verify: Handler = async (server, event) => {
  if (!server.projections.ready) throw new GatehouseError("projection_behind", undefined, { retryAfter: 1 })
  const original = originalRequest(server, event)
  const { proxy, path, query } = original
  // As the gateway: what is switched off answers nobody.
  if (proxy?.enabled === false) throw new GatehouseError("proxy_disabled", undefined, { retryAfter: 60 })
  if (proxy !== undefined && path !== undefined) {
    const origin = requireOrigin(server, event, proxy, path)
    if (origin !== undefined && isPreflight(event, original)) return preflight(event, origin)
  }
  const auth = proxy?.auth?.auth_enabled === true ? proxy.auth : null
  if (auth !== null && path !== undefined && isExcluded(path, excludedPaths({ auth }))) return anonymous()
  if (tokenInQuery(query)) throw new OAuthError("invalid_request", "access tokens are not taken from the query")
  try {
    return await judge(server, event, original)
  } catch (error) {
    // What cannot be read passes nobody: the backend might read it as another's word.
    const unknown = error instanceof OAuthError && error.code !== "invalid_request"
    if (unknown && auth?.auth_mode === "passthrough") return anonymous()
    throw error
  }
}

/**
 * The MCP endpoint answers web pages of its own origin and of listed ones, whoever they speak for.
 * @returns the origin of a page that the endpoint answers
 * @throws OAuthError `access_denied`
 */
function requireOrigin(
  { config }: AuthorizationServer,
  event: H3Event,
  proxy: ResourceProxy,
  path: string,
): string | undefined {
  const origin = event.req.headers.get("origin")
  if (origin === null || !isMcpEndpoint(proxy, path)) return undefined
  if (!takesOrigin(proxy, origin, hostOrigin(proxy.hostname, config.publicHttpsPort)))
    throw new OAuthError("access_denied", "the request comes from another origin")
  return origin
}

function isPreflight(event: H3Event, { method }: OriginalRequest): boolean {
  return method === "OPTIONS" && event.req.headers.has("access-control-request-method")
}

/**
 * A preflight (Fetch §4.8) never carries a credential: a page that may call the endpoint may ask. The gateway would answer with these headers
 * itself; the other proxy can, or lets its backend.
 */
function preflight(event: H3Event, origin: string): Response {
  const answer = anonymous()
  const flat = preflightHeaders(origin, event.req.headers.get("access-control-request-headers") ?? undefined)
  for (let at = 0; at < flat.length; at += 2) answer.headers.set(flat[at]!, flat[at + 1]!)
  return answer
}

/** @throws OAuthError; GatehouseError `store_unavailable` for a proof that cannot be judged now */
async function judge(server: AuthorizationServer, event: H3Event, original: OriginalRequest): Promise<Response> {
  const { proxy } = original
  const authorization = event.req.headers.get("authorization") ?? ""
  const [, name, token] = /^(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization) ?? []
  const presented = /^(?:bearer|dpop)\b/i.test(authorization)
  const cookie = presented ? undefined : browserCookie(event, original)
  if (token === undefined && cookie !== undefined) return verifyBrowser(server, event, original, cookie)
  if (token === undefined && presented)
    throw new OAuthError("invalid_request", "the Authorization header cannot be read")
  if (token === undefined) throw challenge(server, proxy, undefined)
  const checked = server.accessTokens.verify(token, server.issuer)
  if (!checked.ok) throw challenge(server, proxy, "the token is unknown, expired or revoked")
  const { claims } = checked
  const bound = claims.cnf !== undefined
  // RFC 9449 §7.1, §7.2: each kind of token by its own scheme.
  if (bound !== (name!.toLowerCase() === "dpop")) throw challenge(server, proxy, "the token came under another scheme")
  const scheme = bound ? "DPoP" : "Bearer"
  const fault = proxy?.auth?.auth_enabled === true ? admissionFault(proxy, claims, server.config, scheme) : undefined
  const { sub, username, name: fullName, email, groups, scope, client_id, aud, exp } = claims
  const whose = { subject: sub, client_id }
  if (fault !== undefined) throw about(refusal(server, proxy, fault), { reason: fault, ...whose })
  if (bound) await requireProof(server, event, original, token, claims.cnf)
  const body = { sub, username, name: fullName, email, groups, scope, client_id, aud, exp }
  return about(Response.json(body, { headers: { "cache-control": "no-store", ...identity(claims) } }), whose)
}

/** The request may pass, and speaks for nobody: no header of identity comes with it. */
function anonymous(): Response {
  const body = { sub: null, groups: [], scope: "", client_id: null, aud: [] }
  return Response.json(body, { headers: { "cache-control": "no-store" } })
}

/** The cookie of a host that takes one; on its MCP endpoint none counts. */
function browserCookie(event: H3Event, { proxy, path }: OriginalRequest): string | undefined {
  if (proxy === undefined) return readCookie(event.req, accessCookieName({ auth: null }))
  // A path that is not told may be the MCP endpoint.
  const mcpEndpoint = path === undefined ? proxy.mcp?.mcp_enabled === true : isMcpEndpoint(proxy, path)
  return !takesCookie(proxy) || mcpEndpoint ? undefined : readCookie(event.req, accessCookieName(proxy))
}

function verifyBrowser(
  server: AuthorizationServer,
  event: H3Event,
  { proxy, method }: OriginalRequest,
  text: string,
): Response {
  const { publicHttpsPort } = server.config
  const origin = proxy && hostOrigin(proxy.hostname, publicHttpsPort)
  const cookie = server.browserCookies.verify(text, server.issuer, origin)
  if (typeof cookie === "string") throw challenge(server, proxy, undefined)
  const header = (name: string) => event.req.headers.get(name) ?? undefined
  const webSocket = header("upgrade")?.toLowerCase() === "websocket"
  const told = { method, webSocket, origin: header("origin"), fetchSite: header("sec-fetch-site") }
  if (!isOwnRequest(told, origin ?? cookie.claims.aud))
    throw new OAuthError("access_denied", "the request comes from another origin")
  const auth = proxy?.auth ?? null
  const fault = auth === null ? undefined : browserAdmissionFault({ ...proxy!, auth }, cookie.claims, publicHttpsPort)
  const { sub, username, name, email, groups, aud, exp } = cookie.claims
  if (fault !== undefined) {
    const error = new OAuthError("access_denied", "this identity is not allowed there")
    throw about(error, { reason: fault, subject: sub })
  }
  const body = { sub, username, name, email, groups, scope: "", client_id: null, aud: [aud], exp }
  const headers = { "cache-control": "no-store", ...identity(cookie.claims) }
  return about(Response.json(body, { headers }), { subject: sub })
}

/** A token that is good but not for this proxy is a 401 (RFC 6750 §3.1): only people and scopes are a 403. */
function refusal(server: AuthorizationServer, proxy: ResourceProxy | undefined, fault: AdmissionFault): OAuthError {
  if (fault === "wrong_audience" || fault === "wrong_issuer" || fault === "sender_constrained")
    return challenge(server, proxy, "the token is for another resource")
  if (fault === "not_sender_constrained") return challenge(server, proxy, "the token must be bound to a key")
  if (fault !== "insufficient_scope" || proxy === undefined)
    return new OAuthError("access_denied", "this identity is not allowed there")
  const { publicHttpsPort } = server.config
  const needed = usableScopes(proxy, resourceIdentity(proxy, publicHttpsPort).canonical)
  const text = "the token lacks the scopes of this resource"
  return new OAuthError("access_denied", text, {
    headers: { "www-authenticate": scopeChallenge(proxy, publicHttpsPort, needed, text) },
  })
}

/** The gateway's own challenge where the proxy is known, so that whoever asked can pass it on. */
function challenge(
  { issuer, config }: AuthorizationServer,
  proxy: ResourceProxy | undefined,
  description: string | undefined,
): OAuthError {
  const fault = description === undefined ? undefined : ({ error: "invalid_token", description } as const)
  const told = fault === undefined ? "" : `, error="${fault.error}", error_description="${fault.description}"`
  const value =
    proxy?.auth?.auth_enabled === true
      ? tokenChallenge(proxy, config.publicHttpsPort, fault)
      : `Bearer realm="${issuer}"${told}`
  return new OAuthError("invalid_token", description ?? "no access token", { headers: { "www-authenticate": value } })
}

/** Identity for the backend; everything that is no plain visible ASCII is percent-encoded, and so are commas in groups. */
function identity(claims: AccessTokenClaims | BrowserClaims): Record<string, string> {
  const encoded = (value: string) =>
    value.replace(/[^\x21-\x24\x26-\x7e]+/g, (piece) => encodeURIComponent(piece.toWellFormed()))
  return {
    "x-auth-user-id": encoded(claims.sub),
    ...(claims.username !== undefined && { "x-auth-user-name": encoded(claims.username) }),
    ...(claims.email !== undefined && { "x-auth-user-email": encoded(claims.email) }),
    "x-auth-user-groups": claims.groups.map((group) => encoded(group).replaceAll(",", "%2C")).join(","),
    ...("scope" in claims && { "x-auth-scopes": claims.scope, "x-auth-client-id": encoded(claims.client_id) }),
  }
}
