import { type Client, assertionGrant } from "../events/oauth-client.ts"
import { type JWTPayload, decodeJwt, errors, jwtVerify } from "jose"
import { cappedGroups } from "./rule-groups.ts"
import { grantedScope, offlineAccess, requestedScopes, scopeFor } from "./granted-scope.ts"
import { namedResources, normalResources, requestedResources } from "./requested-resource.ts"
import { type User, policyFault } from "./user.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"
import { ProviderError } from "./provider-call.ts"
import type { TrustedIssuer } from "./trusted-issuer.ts"
import { issueTokens } from "./token-response.ts"
import { signatureAlgorithms } from "./id-token.ts"
import { standingGrantFor } from "./standing-grant.ts"

const longest = 16_384
const longestLife = 3600
const skew = 60

/**
 * `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523 §2.1) with an identity assertion for this server (ID-JAG):
 * the identity provider of an organisation has decided that this client may act for this person, so nobody is asked here. No refresh
 * token: the provider decides again each time.
 * @throws OAuthError
 */
export async function redeemIdentityAssertion(
  server: AuthorizationServer,
  client: Client,
  parameters: Parameters,
  jkt: string | undefined,
): Promise<Response> {
  if (!client.metadata.grant_types.includes(assertionGrant) || client.metadata.token_endpoint_auth_method === "none")
    throw new OAuthError("unauthorized_client", "the client may not use this grant")
  const assertion = parameters.get("assertion")
  if (assertion === undefined) throw new OAuthError("invalid_request", "assertion is required")
  const { claims, trusted } = await verifiedAssertion(server, client, assertion)
  const user = assertedUser(server, claims, trusted)
  const resources = assertedResources(server, claims, parameters)
  const uris = resources.map(({ uri }) => uri)
  const fault = policyFault(server, user, client.client_id, uris)
  if (fault !== undefined) throw refused(server, client, fault)
  const offered = grantedScope(wantedScope(claims, parameters), client, resources).filter(
    (item) => item !== offlineAccess,
  )
  const scope = scopeFor(server, user, client.client_id, offered, uris).join(" ")
  await requireFirstUse(server, client, claims)
  const { grantId, position } = await standingGrantFor(server, client, user, scope, uris)
  const facts = { grant_id: grantId, position, user, resources: uris }
  return issueTokens(server, client, facts, { resources: uris, scope, generation: null, jkt })
}

type Claims = JWTPayload & { readonly iss: string; readonly sub: string; readonly jti: string; readonly exp: number }

/** @throws OAuthError `invalid_grant` */
async function verifiedAssertion(
  server: AuthorizationServer,
  client: Client,
  assertion: string,
): Promise<{ claims: Claims; trusted: TrustedIssuer }> {
  const trusted = server.trustedIssuers.get(unverifiedIssuer(assertion))
  if (trusted === undefined) throw refused(server, client, "issuer_unknown")
  const rules = {
    typ: "oauth-id-jag+jwt",
    algorithms: signatureAlgorithms,
    issuer: trusted.issuer,
    audience: server.issuer,
    requiredClaims: ["sub", "exp", "iat", "jti"],
    clockTolerance: skew,
    currentDate: server.clock(),
  }
  try {
    const { payload } = await jwtVerify(assertion, await trusted.keys(), rules)
    const fault = claimsFault(server, client, payload)
    if (fault === undefined) return { claims: payload as Claims, trusted }
    throw refused(server, client, fault)
  } catch (error) {
    if (error instanceof ProviderError || error instanceof errors.JWKSTimeout) {
      server.log.warning("oauth_issuer_away", { issuer: trusted.issuer, reason: error.message })
      throw new OAuthError("temporarily_unavailable", "the issuer of the assertion cannot be asked for its keys", {
        headers: { "retry-after": "10" },
      })
    }
    if (error instanceof errors.JOSEError) throw refused(server, client, "not_verified")
    throw error
  }
}

function unverifiedIssuer(assertion: string): string {
  if (assertion.length > longest) return ""
  try {
    const { iss } = decodeJwt(assertion)
    return typeof iss === "string" ? iss : ""
  } catch (error) {
    if (error instanceof errors.JOSEError) return ""
    throw error
  }
}

function claimsFault(server: AuthorizationServer, { client_id }: Client, claims: JWTPayload): string | undefined {
  const { aud, sub, jti, exp = 0 } = claims
  // One audience: what others take as well could be sent on by them.
  if ([aud].flat().length !== 1) return "wrong_audience"
  if (claims["client_id"] !== client_id) return "wrong_client"
  if (typeof sub !== "string" || !/^[\x20-\x7e]{1,255}$/.test(sub)) return "subject_malformed"
  if (typeof jti !== "string" || jti === "" || jti.length > 512) return "id_missing"
  return exp > server.clock().getTime() / 1000 + longestLife + skew ? "lives_too_long" : undefined
}

/** @throws OAuthError `invalid_grant` */
async function requireFirstUse(server: AuthorizationServer, client: Client, { iss, jti, exp }: Claims): Promise<void> {
  const life = (exp - server.clock().getTime() / 1000 + skew) * 1000
  if (!(await server.ttl.putNew("identity-assertion", `${iss}\n${jti}`, true, life)))
    throw refused(server, client, "replayed")
}

/** What the assertion is for, or the part of it that the request names. @throws OAuthError `invalid_target` */
function assertedResources(server: AuthorizationServer, claims: Claims, parameters: Parameters) {
  const allowed = normalResources(
    [claims["resource"] ?? []].flat().filter((uri): uri is string => typeof uri === "string"),
  )
  const asked = namedResources(server, parameters)
  const found = requestedResources(server, asked.length > 0 ? asked : allowed)
  // What was found is compared, not what was named: where unknown resources are ignored, another one may have taken their place.
  if (allowed.length === 0 || found.length === 0 || !found.every(({ uri }) => allowed.includes(uri)))
    throw new OAuthError("invalid_target", "the assertion is not for this resource")
  return found
}

/** What is asked for, within what the issuer allowed. @throws OAuthError `invalid_scope` */
function wantedScope(claims: Claims, parameters: Parameters): string | undefined {
  const allowed = typeof claims["scope"] === "string" ? requestedScopes(claims["scope"]) : undefined
  const asked = parameters.get("scope")
  if (allowed === undefined || asked === undefined) return asked ?? allowed?.join(" ")
  return requestedScopes(asked)
    .filter((scope) => allowed.includes(scope))
    .join(" ")
}

function assertedUser(server: AuthorizationServer, claims: Claims, { name }: TrustedIssuer): User {
  const { config, clock } = server
  const text = (value: unknown) => (typeof value === "string" && value !== "" && value.length <= 255 ? value : null)
  const email = claims["email_verified"] === true ? text(claims["email"]) : null
  const groups = [claims[config.OIDC_GROUPS_CLAIM] ?? []]
    .flat()
    .filter((group): group is string => text(group) !== null)
  return {
    provider: "issuer",
    subject: `oidc-${name}-${claims.sub}`,
    username: text(claims["preferred_username"]) ?? email ?? claims.sub,
    name: text(claims["name"]),
    email,
    emailVerified: email !== null,
    groups: cappedGroups(server, groups),
    authTime: typeof claims["auth_time"] === "number" ? claims["auth_time"] : Math.floor(clock().getTime() / 1000),
  }
}

function refused(server: AuthorizationServer, { client_id }: Client, reason: string): OAuthError {
  server.log.warning("oauth_identity_assertion_refused", { client_id, reason })
  return new OAuthError("invalid_grant", "the assertion is not good for this client here")
}
