import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { type AdmissionFault, admissionFault } from "../projections/admission.ts"
import type { AccessTokenClaims } from "../projections/access-token-claims.ts"
import { GatehouseError } from "../errors.ts"
import type { H3Event } from "h3"
import { OAuthError } from "./oauth-error.ts"
import { find } from "../events/world.ts"
import { type ResourceProxy, resourceIdentity, withResources } from "../projections/resource.ts"

/**
 * `GET|POST /verify`: forward authentication for other proxies. Checks the token of the Authorization header as the gateway
 * does. Where the forwarded host is a proxy of ours, its audience, rule and scopes are judged as well; otherwise the answer
 * covers the token alone.
 * @throws OAuthError `invalid_token` (401), `access_denied` (403); GatehouseError `projection_behind` when it cannot decide
 */
export const verify: Handler = (server, event) => {
  if (!server.projections.ready) throw new GatehouseError("projection_behind", undefined, { retryAfter: 1 })
  const proxy = forwardedProxy(server, event)
  const token = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(event.req.headers.get("authorization") ?? "")?.[1]
  if (token === undefined) throw challenge(server, proxy, undefined)
  const checked = server.accessTokens.verify(token, server.issuer)
  if (!checked.ok) throw challenge(server, proxy, "the token is unknown, expired or revoked")
  const fault = proxy?.auth?.auth_enabled === true ? admissionFault(proxy, checked.claims, server.config) : undefined
  if (fault !== undefined) throw refusal(server, proxy, fault)
  const { sub, username, name, email, groups, scope, client_id, aud, exp } = checked.claims
  const body = { sub, username, name, email, groups, scope, client_id, aud, exp }
  return Response.json(body, { headers: { "cache-control": "no-store", ...identity(checked.claims) } })
}

/** The proxy that the original request was for, as `X-Original-URL` or `X-Forwarded-Host` tell. */
function forwardedProxy({ projections }: AuthorizationServer, event: H3Event): ResourceProxy | undefined {
  const original = URL.parse(event.req.headers.get("x-original-url") ?? "")?.hostname
  const host = original ?? event.req.headers.get("x-forwarded-host")?.toLowerCase().replace(/:\d+$/, "")
  const proxy = host === undefined ? undefined : find(projections.world, "proxy", host)
  return proxy && withResources(projections.world, proxy)
}

/** A token that is good but not for this proxy is a 401 (RFC 6750 §3.1): only people and scopes are a 403. */
function refusal(server: AuthorizationServer, proxy: ResourceProxy | undefined, fault: AdmissionFault): OAuthError {
  if (fault === "wrong_audience" || fault === "wrong_issuer" || fault === "sender_constrained")
    return challenge(server, proxy, "the token is for another resource")
  return new OAuthError("access_denied", "this identity is not allowed there")
}

function challenge(
  { issuer, config }: AuthorizationServer,
  proxy: ResourceProxy | undefined,
  fault: string | undefined,
): OAuthError {
  const resource =
    proxy && `${resourceIdentity(proxy, config.publicHttpsPort).origin}/.well-known/oauth-protected-resource`
  const parameters = [
    `realm="${proxy?.hostname ?? issuer}"`,
    ...(fault === undefined ? [] : ['error="invalid_token"', `error_description="${fault}"`]),
    ...(resource === undefined ? [] : [`resource_metadata="${resource}"`]),
  ]
  const headers = { "www-authenticate": `Bearer ${parameters.join(", ")}` }
  return new OAuthError("invalid_token", fault ?? "no access token", { headers })
}

/** Identity for the backend; everything that is no plain visible ASCII is percent-encoded, and so are commas in groups. */
function identity(claims: AccessTokenClaims): Record<string, string> {
  const encoded = (value: string) =>
    value.replace(/[^\x21-\x24\x26-\x7e]+/g, (piece) => encodeURIComponent(piece.toWellFormed()))
  return {
    "x-auth-user-id": encoded(claims.sub),
    ...(claims.username !== undefined && { "x-auth-user-name": encoded(claims.username) }),
    ...(claims.email !== undefined && { "x-auth-user-email": encoded(claims.email) }),
    "x-auth-user-groups": claims.groups.map((group) => encoded(group).replaceAll(",", "%2C")).join(","),
    "x-auth-scopes": claims.scope,
    "x-auth-client-id": encoded(claims.client_id),
  }
}
