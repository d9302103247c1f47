import { type Person, type RuleFault, ruleFault } from "./access-rule.ts"
import { scopeTokens, usable } from "./scope.ts"
import type { AccessTokenClaims } from "./access-token-claims.ts"
import type { Config } from "../platform/config.ts"
import { audienceCovers } from "./audience.ts"
import { issuerOf } from "./issuer.ts"
import { type ResourceProxy, normalResource, resourceIdentity } from "./resource.ts"

/** Configuration that decides what a proxy is called and which audiences it takes. */
export type ResourceSettings = Pick<Config, "publicHttpsPort" | "MCP_RESOURCE_VALIDATION_STRICT">

/** Why a genuine access token does not open a proxy, in the order of the checks. */
export type AdmissionFault =
  | "auth_off"
  | "wrong_issuer"
  | "wrong_audience"
  | "sender_constrained"
  | "not_sender_constrained"
  | RuleFault
  | "insufficient_scope"

/**
 * Does a verified access token open this proxy? Issuer, audience, proof of possession, people rule, scope; the first
 * that refuses is named. Pure: expiry and revocation are judged by `accessTokens`.
 * @param scheme how the token was presented; as `DPoP` with a proof that is checked elsewhere
 */
export function admissionFault(
  proxy: ResourceProxy,
  claims: AccessTokenClaims,
  settings: ResourceSettings,
  scheme: "Bearer" | "DPoP" = "Bearer",
): AdmissionFault | undefined {
  if (proxy.auth === null) return "auth_off"
  const { publicHttpsPort, MCP_RESOURCE_VALIDATION_STRICT: strict } = settings
  if (claims.iss !== issuerOf(proxy.auth.auth_proxy, publicHttpsPort)) return "wrong_issuer"
  const registered = proxy.resources.map(({ uri }) => uri)
  const audience = { ...resourceIdentity(proxy, publicHttpsPort), registered }
  const resources = claims.aud.filter((value) => audienceCovers([value], audience, strict))
  if (resources.length === 0) return "wrong_audience"
  // RFC 9449 §7.1, §7.2: a token bound to a key is worth nothing as a bearer token, and one that is not proves nothing with a proof.
  if (scheme === "Bearer" && claims.cnf !== undefined) return "sender_constrained"
  const bearerOnly = claims.cnf === undefined && (scheme === "DPoP" || proxy.auth.auth_require_dpop === true)
  if (bearerOnly) return "not_sender_constrained"
  const refused = ruleFault(proxy.auth, personOf(claims))
  if (refused !== undefined) return refused
  const granted = scopeTokens(claims.scope)
  return resources.some((uri) => usable(granted, proxy, normalResource(uri) ?? uri)) ? undefined : "insufficient_scope"
}

/** Whom a token is about, as rules look at people. */
export function personOf(claims: AccessTokenClaims): Person {
  return {
    subject: claims.sub,
    username: claims.username ?? null,
    verifiedEmail: claims.email ?? null,
    groups: claims.groups,
    clientId: claims.client_id,
  }
}
