import { type RuleFault, ruleFault } from "./access-rule.ts"
import { scopeTokens, usable } from "./scope.ts"
import type { AccessTokenClaims } from "./access-token-claims.ts"
import type { Config } from "../platform/config.ts"
import type { Proxy } from "../events/proxy.ts"
import { audienceCovers } from "./audience.ts"
import { issuerOf } from "./issuer.ts"
import { resourceIdentity } from "./resource.ts"

/** Configuration that decides what a proxy is called and which audiences it takes. */
export type ResourceSettings = Pick<Config, "publicHttpsPort" | "MCP_RESOURCE_VALIDATION_STRICT">

/** Why a genuine access token does not open a proxy, in the order of the checks. */
export type AdmissionFault =
  | "auth_off"
  | "wrong_issuer"
  | "wrong_audience"
  | "sender_constrained"
  | RuleFault
  | "insufficient_scope"

/**
 * Does a verified access token open this proxy? Issuer, audience, proof of possession, people rule, scope; the first
 * that refuses is named. Pure: expiry and revocation are judged by `accessTokens`.
 */
export function admissionFault(
  proxy: Proxy,
  claims: AccessTokenClaims,
  settings: ResourceSettings,
): AdmissionFault | undefined {
  if (proxy.auth === null) return "auth_off"
  const { publicHttpsPort, MCP_RESOURCE_VALIDATION_STRICT: strict } = settings
  if (claims.iss !== issuerOf(proxy.auth.auth_proxy, publicHttpsPort)) return "wrong_issuer"
  if (!audienceCovers(claims.aud, resourceIdentity(proxy, publicHttpsPort), strict)) return "wrong_audience"
  // RFC 9449 §7.1: a token bound to a key is worth nothing as a bearer token.
  if (claims.cnf !== undefined) return "sender_constrained"
  const refused = ruleFault(proxy.auth, {
    subject: claims.sub,
    username: claims.username ?? null,
    verifiedEmail: claims.email ?? null,
    groups: claims.groups,
    clientId: claims.client_id,
  })
  if (refused !== undefined) return refused
  return usable(scopeTokens(claims.scope), proxy) ? undefined : "insufficient_scope"
}
