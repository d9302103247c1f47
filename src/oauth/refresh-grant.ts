import { type GrantedFacts, grantedFacts, issueTokens, standingGrant, waitForGrant } from "./token-response.ts"
import { findResource, namedResources } from "./requested-resource.ts"
import { grantedScope, mayRefresh, requestedScopes, scopeFor } from "./granted-scope.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import type { Grant } from "../events/grant.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"
import { policyFault } from "./user.ts"
import { readRefreshToken } from "./refresh-token.ts"
import { recordClientUse } from "./client-use.ts"
import { revokeGrant } from "./grant-revocation.ts"

/** The token before the current one is good this long, while the current one is unused: answers get lost, tabs race. */
const graceMs = 30_000

/** `grant_type=refresh_token` (RFC 6749 §6) with rotation (RFC 9700 §4.14). @throws OAuthError */
export async function refresh(
  server: AuthorizationServer,
  client: Client,
  parameters: Parameters,
  jkt: string | undefined,
): Promise<Response> {
  const presented = parameters.get("refresh_token")
  if (presented === undefined) throw new OAuthError("invalid_request", "refresh_token is required")
  const token = readRefreshToken(server, presented)
  if (token === undefined) throw refused()
  const family = await familyOf(server, token.family)
  if (family === undefined) throw refused()
  const { facts } = family
  if (family.jkt !== undefined && family.jkt !== jkt)
    throw new OAuthError("invalid_grant", "the refresh token is bound to another key")
  await waitForGrant(server, facts.position)
  const grant = standingGrant(server, client, facts.grant_id)
  if (!mayRefresh(client, grant.scope.split(" ")))
    throw new OAuthError("unauthorized_client", "the client may not use this grant")
  const resources = narrowedResources(server, grant, parameters)
  const scope = narrowedScope(server, client, grant, facts, resources, parameters.get("scope"))
  requirePolicy(server, client, grant, facts, resources)
  await server.signingKeys.signer()
  const { generation } = await rotate(server, client, token)
  server.crash("oauth.refreshRotated")
  await recordClientUse(server, client)
  return issueTokens(server, client, facts, { resources, scope, generation, jkt })
}

function refused(): OAuthError {
  return new OAuthError("invalid_grant", "the refresh token is unknown, expired or revoked")
}

/** What a family remembers; `jkt` is the key of a public client's refresh tokens (RFC 9449 §5). */
async function familyOf(
  server: AuthorizationServer,
  family: string,
): Promise<{ facts: GrantedFacts; jkt: string | undefined } | undefined> {
  const record = (await server.ttl.peek("refresh", family)) as { value: string; jkt?: string } | undefined
  return record && { facts: grantedFacts(record.value), jkt: record.jkt }
}

/**
 * Never more than was granted (RFC 8707 §2.2), and nothing that is protected here no more. A proxy that is switched off for a
 * while leaves the refresh token as it is. @throws OAuthError `invalid_target`
 */
function narrowedResources(server: AuthorizationServer, grant: Grant, parameters: Parameters): readonly string[] {
  const asked = namedResources(server, parameters)
  if (!asked.every((uri) => grant.resources.includes(uri)))
    throw new OAuthError("invalid_target", "a resource was not authorized")
  const wanted = asked.length > 0 ? asked : grant.resources
  const standing = wanted.filter((uri) => findResource(server, uri) !== undefined)
  if (wanted.length > 0 && standing.length === 0)
    throw new OAuthError("invalid_target", "the resource is not available")
  return standing
}

/** Never more than was granted (RFC 6749 §6), nor more than client and resources still allow. @throws OAuthError `invalid_scope` */
function narrowedScope(
  server: AuthorizationServer,
  client: Client,
  grant: Grant,
  { user }: GrantedFacts,
  resources: readonly string[],
  asked: string | undefined,
): string {
  const granted = grant.scope.split(" ")
  const wanted = asked === undefined ? granted : requestedScopes(asked)
  if (!wanted.every((scope) => granted.includes(scope)))
    throw new OAuthError("invalid_scope", "more scope than was granted")
  const found = resources.flatMap((uri) => findResource(server, uri) ?? [])
  const offered = grantedScope(wanted.join(" "), client, found)
  return scopeFor(server, user, client.client_id, offered, resources).join(" ")
}

/** Allow-lists and rules are asked again: who was shut out gets no more tokens. @throws OAuthError `invalid_grant` */
function requirePolicy(
  server: AuthorizationServer,
  client: Client,
  grant: Grant,
  { user }: GrantedFacts,
  resources: readonly string[],
): void {
  const fault = policyFault(server, user, client.client_id, resources, new Date(grant.created_at))
  if (fault === undefined) return
  server.log.warning("oauth_refresh_refused", { reason: fault, subject: grant.subject, client_id: client.client_id })
  throw new OAuthError("invalid_grant", "the account may not use this any more")
}

/** @throws OAuthError `invalid_grant`; a token that was used before takes the whole grant with it */
async function rotate(
  server: AuthorizationServer,
  client: Client,
  { family, generation }: { family: string; generation: number },
): Promise<{ generation: number }> {
  const life = server.config.OAUTH_REFRESH_TOKEN_LIFETIME * 1000
  const rotation = await server.ttl.rotate(
    family,
    client.client_id,
    generation,
    server.clock().getTime(),
    graceMs,
    life,
  )
  if (rotation.status === "current") return rotation
  if (rotation.status === "reused") await revokeGrant(server, family, "refresh_reuse")
  throw refused()
}
