import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { GatehouseError } from "../errors.ts"
import type { Grant } from "../events/grant.ts"
import { OAuthError } from "./oauth-error.ts"
import { SignJWT } from "jose"
import type { User } from "./user.ts"
import { find } from "../events/world.ts"
import { mayRefresh } from "./granted-scope.ts"
import { randomUUID } from "node:crypto"
import { reason } from "../platform/log.ts"
import { refreshToken } from "./refresh-token.ts"
import { tallyIssue } from "./tally.ts"
import { rememberedMs } from "../projections/views/oauth-token.ts"
import { about } from "./outcome.ts"

/** What a code and its refresh family remember of the login. */
export interface GrantedFacts {
  readonly grant_id: string
  /** Log position of `GrantIssued`. */
  readonly position: number
  readonly user: User
  readonly resources: readonly string[]
}

/** Facts as they were stored. */
export function grantedFacts(value: string): GrantedFacts {
  return JSON.parse(value) as GrantedFacts
}

/** Waits until this node has folded a grant that another may have issued. @throws GatehouseError `projection_behind` */
export async function waitForGrant({ projections }: AuthorizationServer, position: number): Promise<void> {
  if (!(await projections.reached(position, 2000)))
    throw new GatehouseError("projection_behind", undefined, { retryAfter: 1 })
}

/** The grant, if it stands and is the client's. @throws OAuthError `invalid_grant` */
export function standingGrant({ projections }: AuthorizationServer, client: Client, grantId: string): Grant {
  const grant = find(projections.world, "grant", grantId)
  if (grant === undefined || grant.client_id !== client.client_id)
    throw new OAuthError("invalid_grant", "the grant was revoked or belongs to another client")
  return grant
}

/** What to issue under a grant. */
interface Issue {
  /** Subset of the granted resources for this access token; empty = all of them. */
  readonly resources: readonly string[]
  /** Scope for this access token, when it is less than the granted one. */
  readonly scope?: string
  /** Of the refresh token to hand out; null = none, whatever the client may have. */
  readonly generation: number | null
  /** Thumbprint of the key that the token is bound to (RFC 9449 §6); undefined = a bearer token. */
  readonly jkt: string | undefined
}

/** The token response (RFC 6749 §5.1). */
export async function issueTokens(
  server: AuthorizationServer,
  client: Client,
  facts: GrantedFacts,
  issue: Issue,
): Promise<Response> {
  const grant = standingGrant(server, client, facts.grant_id)
  const scope = issue.scope ?? grant.scope
  const resources = issue.resources.length > 0 ? issue.resources : grant.resources
  const access = await accessToken(server, grant, facts.user, scope, resources, issue.jkt)
  tallyIssue(server, client.client_id, (issue.generation ?? 0) > 1)
  const body = {
    access_token: access,
    token_type: issue.jkt === undefined ? "Bearer" : "DPoP",
    expires_in: server.config.OAUTH_ACCESS_TOKEN_LIFETIME,
    scope,
    ...(issue.generation !== null &&
      mayRefresh(client, grant.scope.split(" ")) && {
        refresh_token: refreshToken(server, grant.grant_id, issue.generation),
      }),
  }
  const answer = Response.json(body, { headers: { "cache-control": "no-store" } })
  return about(answer, { client_id: grant.client_id, subject: grant.subject, grant_id: grant.grant_id })
}

/** A signed access token (RFC 9068 §2). */
async function accessToken(
  server: AuthorizationServer,
  grant: Grant,
  user: User,
  scope: string,
  resources: readonly string[],
  jkt: string | undefined,
): Promise<string> {
  const { kid, algorithm, privateKey } = await server.signingKeys.signer()
  const issuedAt = Math.floor(server.clock().getTime() / 1000)
  const expires = issuedAt + server.config.OAUTH_ACCESS_TOKEN_LIFETIME
  const jti = randomUUID()
  const audience = resources.length > 0 ? [...resources] : [server.issuer]
  const claims = {
    iss: server.issuer,
    sub: grant.subject,
    aud: audience,
    client_id: grant.client_id,
    azp: grant.client_id,
    iat: issuedAt,
    exp: expires,
    jti,
    scope,
    sid: grant.grant_id,
    auth_time: user.authTime,
    username: grant.username,
    ...(user.name !== null && { name: user.name }),
    ...(grant.email !== null && grant.email_verified && { email: grant.email }),
    groups: user.groups,
    ...(jkt !== undefined && { cnf: { jkt } }),
  }
  const { groups: _, ...recorded } = claims
  const signing = new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: "at+jwt", kid }).sign(privateKey)
  const [token] = await Promise.all([signing, remember(server, recorded, expires - issuedAt)])
  server.crash("oauth.tokenStored")
  return token
}

/** Claims that lists of tokens are made of. */
type Recorded = Readonly<Record<"jti" | "sid" | "client_id", string>> & Readonly<Record<"iat" | "exp", number>>

/** Keeps what administrators may see of a token. Its loss costs a line in a list, so it does not fail the request. */
async function remember(server: AuthorizationServer, record: Recorded, seconds: number): Promise<void> {
  const { jti, sid, client_id, iat, exp } = record
  try {
    const line = { facets: [sid, client_id, jti, `${iat}`, `${exp}`], keepMs: rememberedMs }
    await server.ttl.put("token", jti, record, seconds * 1000, line)
  } catch (error) {
    server.log.warning("oauth_token_not_recorded", { jti, error: reason(error) })
  }
}
