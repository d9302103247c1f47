import { type AuthorizationServer, type Handler, clientAddress } from "./authorization-server.ts"
import { limit } from "./limits.ts"
import { type Parameters, formParameters } from "./parameters.ts"
import type { AccessTokenClaims } from "../projections/access-token-claims.ts"
import { OAuthError } from "./oauth-error.ts"
import { authenticateClient } from "./client-authentication.ts"
import { findResource } from "./requested-resource.ts"
import { grantedFacts } from "./token-response.ts"
import { find } from "../events/world.ts"
import { readRefreshToken } from "./refresh-token.ts"
import { sha256 } from "../platform/ids.ts"
import { normalResource } from "../projections/resource.ts"
import { about } from "./outcome.ts"

/** Who asks: a confidential client about its own tokens, or an API token about those for its resources; ADMIN about all. */
interface Caller {
  readonly clientId?: string
  readonly owner?: string
  readonly admin: boolean
}

/** `POST /introspect` (RFC 7662): every token that is bad, or not the caller's business, is just inactive. */
export const introspect: Handler = async (server, event) => {
  const parameters = await formParameters(event)
  parameters.requireSingle()
  await limit(server, event, "token", parameters.get("client_id"))
  const caller = await authenticateCaller(server, event.req.headers.get("authorization"), parameters)
  const token = parameters.get("token")
  if (token === undefined) throw new OAuthError("invalid_request", "token is required")
  const answer = accessTokenAnswer(server, caller, token) ??
    (await refreshTokenAnswer(server, caller, token)) ?? { active: false }
  server.log.debug("oauth_introspection", { active: answer.active, ip: clientAddress(event) })
  const { clientId: client_id, owner: subject } = caller
  return about(Response.json(answer, { headers: { "cache-control": "no-store" } }), {
    ...(client_id !== undefined && { client_id }),
    ...(subject !== undefined && { subject: `token:${subject}` }),
  })
}

async function authenticateCaller(
  server: AuthorizationServer,
  authorization: string | null,
  parameters: Parameters,
): Promise<Caller> {
  const bearer = /^bearer +(\S{1,512})$/i.exec(authorization ?? "")?.[1]
  if (bearer !== undefined) {
    const known = server.tokensByHash.find(sha256(bearer))
    if (known !== undefined) return { owner: known.id, admin: known.token.is_admin }
    throw new OAuthError("invalid_token", "the token is not good", {
      headers: { "www-authenticate": 'Bearer error="invalid_token"' },
    })
  }
  const client = await authenticateClient(server, authorization, parameters)
  if (client.metadata.token_endpoint_auth_method !== "none") return { clientId: client.client_id, admin: false }
  throw new OAuthError("invalid_client", "introspection needs a confidential client or an API token")
}

type Answer = { readonly active: boolean } & Readonly<Record<string, unknown>>

function accessTokenAnswer(server: AuthorizationServer, caller: Caller, token: string): Answer | undefined {
  const checked = server.accessTokens.verify(token, server.issuer)
  if (!checked.ok || !concerns(server, caller, checked.claims)) return undefined
  const { iss, sub, aud, client_id, scope, iat, exp, jti, sid, username, cnf } = checked.claims
  const type = { token_type: cnf === undefined ? "Bearer" : "DPoP", ...(cnf !== undefined && { cnf }) }
  return { active: true, ...type, scope, client_id, username, exp, iat, sub, aud, iss, jti, sid }
}

function concerns(server: AuthorizationServer, caller: Caller, { client_id, aud }: AccessTokenClaims): boolean {
  if (caller.admin || caller.clientId === client_id) return true
  if (caller.owner === undefined) return false
  return aud.some((uri) => findResource(server, normalResource(uri) ?? "")?.proxy.owner === caller.owner)
}

async function refreshTokenAnswer(
  server: AuthorizationServer,
  caller: Caller,
  token: string,
): Promise<Answer | undefined> {
  const read = readRefreshToken(server, token)
  const grant = read && find(server.projections.world, "grant", read.family)
  if (read === undefined || grant === undefined || !(caller.admin || caller.clientId === grant.client_id))
    return undefined
  const family = (await server.ttl.peek("refresh", read.family)) as
    | { generation: number; dead?: boolean; value: string }
    | undefined
  if (family === undefined || family.dead === true || family.generation !== read.generation) return undefined
  const { resources } = grantedFacts(family.value)
  const { scope, client_id, username, subject } = grant
  return {
    active: true,
    token_type: "refresh_token",
    scope,
    client_id,
    username,
    sub: subject,
    aud: resources,
    iss: server.issuer,
    sid: grant.grant_id,
  }
}
