import { type AuthorizationServer, clientLifeEnds } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import { clientUse } from "../commands/oauth-client.ts"
import { isHeldBy, widened } from "../commands/grant.ts"
import type { Client } from "../events/oauth-client.ts"
import type { User } from "./user.ts"
import { all } from "../events/world.ts"
import { done } from "./done.ts"
import { randomUUID } from "node:crypto"

/**
 * The grant under which a client gets tokens for somebody who does not sign in here. A command only where there is something new:
 * such clients ask again every half an hour.
 * @throws GatehouseError `store_unavailable`
 */
export async function standingGrantFor(
  server: AuthorizationServer,
  client: Client,
  user: User,
  scope: string,
  resources: readonly string[],
): Promise<{ grantId: string; position: number }> {
  const { subject, username, email, emailVerified, provider } = user
  const holder = { subject, username, email, email_verified: emailVerified, provider }
  const { world } = server.projections
  const expires = clientLifeEnds(server)
  const known = all(world, "grant").find((grant) => isHeldBy(grant, client.client_id, holder))
  if (known !== undefined && widened(known, scope, resources) === undefined && clientUse(client, expires).length === 0)
    return { grantId: known.grant_id, position: world.position }
  const data = {
    grant_id: randomUUID(),
    client_id: client.client_id,
    holder,
    scope,
    resources,
    client_expires_at: expires,
  }
  const executed = done(await server.bus.execute({ type: "IssueStandingGrant", data, actor: oauthActor }))
  return { grantId: (executed.result as { grant_id: string }).grant_id, position: executed.position }
}
