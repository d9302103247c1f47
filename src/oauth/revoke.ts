import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { limit } from "./limits.ts"
import { OAuthError } from "./oauth-error.ts"
import { authenticateClient } from "./client-authentication.ts"
import { find } from "../events/world.ts"
import { formParameters } from "./parameters.ts"
import { readRefreshToken } from "./refresh-token.ts"
import { revokeGrant } from "./grant-revocation.ts"

/**
 * `POST /revoke` (RFC 7009): 200 for whatever is not the client's, without effect. An access token takes its grant with it
 * (§2.1 allows that): what checks tokens knows grants, not single tokens.
 */
export const revoke: Handler = async (server, event) => {
  const parameters = await formParameters(event)
  parameters.requireSingle()
  await limit(server, event, "token", parameters.get("client_id"))
  const client = await authenticateClient(server, event.req.headers.get("authorization"), parameters)
  const token = parameters.get("token")
  if (token === undefined) throw new OAuthError("invalid_request", "token is required")
  const grantId = grantOf(server, token)
  const grant = grantId === undefined ? undefined : find(server.projections.world, "grant", grantId)
  if (grant !== undefined && grant.client_id === client.client_id) await revokeGrant(server, grant.grant_id, "client")
  return new Response(null, { status: 200, headers: { "cache-control": "no-store" } })
}

/** Grant of a genuine token, whatever `token_type_hint` says. */
function grantOf(server: AuthorizationServer, token: string): string | undefined {
  const refresh = readRefreshToken(server, token)
  if (refresh !== undefined) return refresh.family
  const checked = server.accessTokens.verify(token, server.issuer)
  return checked.ok ? checked.claims.sid : undefined
}
