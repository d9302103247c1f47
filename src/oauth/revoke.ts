import { type AuthorizationServer, type Handler, oauthActor } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { limit } from "./limits.ts"
import { OAuthError } from "./oauth-error.ts"
import { authenticateClient } from "./client-authentication.ts"
import { done } from "./done.ts"
import { find } from "../events/world.ts"
import { formParameters } from "./parameters.ts"
import { readRefreshToken } from "./refresh-token.ts"
import { revokeGrant } from "./grant-revocation.ts"
import { tallyRevocation } from "./tally.ts"
import { about } from "./outcome.ts"

/**
 * `POST /revoke` (RFC 7009): 200 for whatever is not the client's, without effect. A refresh token takes its grant with it, an
 * access token ends alone: a client that gives back one token keeps its login. `token_type_hint` changes nothing.
 */
export const revoke: Handler = async (server, event) => {
  const parameters = await formParameters(event)
  parameters.requireSingle()
  await limit(server, event, "token", parameters.get("client_id"))
  const client = await authenticateClient(server, event.req.headers.get("authorization"), parameters)
  const token = parameters.get("token")
  if (token === undefined) throw new OAuthError("invalid_request", "token is required")
  const refresh = readRefreshToken(server, token)
  if (refresh !== undefined) await revokeFamily(server, client, refresh.family)
  else await revokeAccessToken(server, client, token)
  const { client_id } = client
  return about(new Response(null, { status: 200, headers: { "cache-control": "no-store" } }), { client_id })
}

async function revokeFamily(server: AuthorizationServer, { client_id }: Client, family: string): Promise<void> {
  const grant = find(server.projections.world, "grant", family)
  if (grant?.client_id === client_id) await revokeGrant(server, family, "client")
}

async function revokeAccessToken(server: AuthorizationServer, { client_id }: Client, token: string): Promise<void> {
  const checked = server.accessTokens.verify(token, server.issuer)
  if (!checked.ok || checked.claims.client_id !== client_id) return
  const { sid, jti, exp } = checked.claims
  const data = { grant_id: sid, jti, expires_at: new Date(exp * 1000).toISOString() }
  done(await server.bus.execute({ type: "RevokeAccessToken", data, actor: oauthActor }))
  server.log.info("oauth_access_token_revoked", { grant_id: sid, jti, client_id })
  tallyRevocation(server, client_id)
}
