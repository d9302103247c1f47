import type { AuthorizationServer, Handler } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import type { Client } from "../events/oauth-client.ts"
import { limit } from "./limits.ts"
import { OAuthError } from "./oauth-error.ts"
import { authenticateClient } from "./client-authentication.ts"
import { done } from "./done.ts"
import { find } from "../events/world.ts"
import { formParameters } from "./parameters.ts"
import { grantedFacts, waitForGrant } from "./token-response.ts"
import { parseJws } from "../projections/jws.ts"
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

/**
 * A grant that another node issued a moment ago may be unknown here, and what is unknown cannot be ended: its refresh family, which all nodes
 * see, tells what to wait for. @throws GatehouseError `projection_behind`: the client must take its token for good (RFC 7009 §2.2.1)
 */
async function awaitGrant(server: AuthorizationServer, grantId: string): Promise<void> {
  if (find(server.projections.world, "grant", grantId) !== undefined) return
  const family = (await server.ttl.peek("refresh", grantId)) as { value: string } | undefined
  if (family !== undefined) await waitForGrant(server, grantedFacts(family.value).position)
}

async function revokeFamily(server: AuthorizationServer, { client_id }: Client, family: string): Promise<void> {
  await awaitGrant(server, family)
  const grant = find(server.projections.world, "grant", family)
  if (grant?.client_id === client_id) await revokeGrant(server, family, "client")
}

/** What an access token says of its grant, before it is verified; empty when it says nothing. */
function grantOf(token: string): string {
  const sid = parseJws(token)?.payload["sid"]
  return typeof sid === "string" ? sid : ""
}

async function revokeAccessToken(server: AuthorizationServer, { client_id }: Client, token: string): Promise<void> {
  await awaitGrant(server, grantOf(token))
  const checked = server.accessTokens.verify(token, server.issuer)
  if (!checked.ok || checked.claims.client_id !== client_id) return
  const { sid, jti, exp } = checked.claims
  const data = { grant_id: sid, jti, expires_at: new Date(exp * 1000).toISOString() }
  done(await server.bus.execute({ type: "RevokeAccessToken", data, actor: oauthActor }))
  server.log.info("oauth_access_token_revoked", { grant_id: sid, jti, client_id })
  tallyRevocation(server, client_id)
}
