import * as z from "zod"
import { type ResourceProxy, normalResource, resourceIdentity, withResources } from "../projections/resource.ts"
import { hierarchyOf, missingScopes, scopeTokens } from "../projections/scope.ts"
import type { AccessTokenClaims } from "../projections/access-token-claims.ts"
import type { Api } from "./endpoint.ts"
import type { Resource } from "../events/resource.ts"
import { accessTokens } from "../projections/access-token.ts"
import { admissionFault } from "../projections/admission.ts"
import { find } from "../events/world.ts"
import { issuerOf } from "../projections/issuer.ts"

/** What is known of an access token; nothing of one that is not genuine. */
export const TokenValidity = z
  .strictObject({
    valid: z.boolean(),
    reason: z.string().nullable().describe("Stable word for why it is not valid."),
    subject: z.string().nullable(),
    client_id: z.string().nullable(),
    audience: z.array(z.string()),
    scopes: z.array(z.string()),
    missing_scopes: z.array(z.string()),
    expires_at: z.string().nullable(),
  })
  .meta({ id: "TokenValidity" })

type Validity = z.infer<typeof TokenValidity>

const unknown = { subject: null, client_id: null, audience: [], scopes: [], missing_scopes: [], expires_at: null }

/**
 * Would the gateway let this token through to this resource, and has it these scopes? The checks of the gateway, in its order;
 * for a token that is bound to a key, all but the proof that each request brings.
 */
export function validity(
  { projections, clock, config }: Api,
  resource: Resource,
  token: string,
  needed: readonly string[],
): Validity {
  const invalid = (reason: string): Validity => ({ valid: false, reason, ...unknown })
  const proxy = find(projections.world, "proxy", resource.proxy_target)
  if (proxy === undefined) return invalid("proxy_gone")
  if (proxy.auth?.auth_enabled !== true) return invalid("auth_off")
  const tokens = accessTokens({ world: () => projections.world, now: () => clock().getTime() })
  const checked = tokens.verify(token, issuerOf(proxy.auth.auth_proxy, config.publicHttpsPort))
  if (!checked.ok) return invalid(checked.reason)
  const { claims } = checked
  const scopes = scopeTokens(claims.scope)
  const missing_scopes = missingScopes(scopes, needed, hierarchyOf(proxy))
  const guarded = withResources(projections.world, proxy)
  const fault = names(claims, resource, guarded, config.publicHttpsPort)
    ? admissionFault(guarded, claims, config, claims.cnf === undefined ? "Bearer" : "DPoP")
    : "wrong_audience"
  const reason = fault ?? (missing_scopes.length > 0 ? "insufficient_scope" : null)
  return {
    valid: reason === null,
    reason,
    subject: claims.sub,
    client_id: claims.client_id,
    audience: [...claims.aud],
    scopes,
    missing_scopes,
    expires_at: new Date(claims.exp * 1000).toISOString(),
  }
}

/** Is the token for this resource? The two forms of a proxy's own identity stand for each other. */
function names({ aud }: AccessTokenClaims, { uri }: Resource, proxy: ResourceProxy, publicHttpsPort: number): boolean {
  const { origin, canonical } = resourceIdentity(proxy, publicHttpsPort)
  const accepted = uri === origin || uri === canonical ? [origin, canonical] : [uri]
  return aud.some((value) => accepted.includes(normalResource(value) ?? ""))
}
