import type { AuthorizationServer } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import type { Actor } from "../events/envelope.ts"
import type { GrantEnd } from "../events/grant.ts"
import { done } from "./done.ts"
import { find } from "../events/world.ts"
import { tallyRevocation } from "./tally.ts"
import type * as z from "zod"

/**
 * Ends a grant: its refresh family and every access token of it. Returns when this node's projections have it, so the next
 * request already fails; a grant that is gone stays gone.
 * @throws GatehouseError `store_unavailable`
 */
export async function revokeGrant(
  server: AuthorizationServer,
  grantId: string,
  reason: z.infer<typeof GrantEnd>,
  actor: Actor = oauthActor,
): Promise<void> {
  const grant = find(server.projections.world, "grant", grantId)
  if (grant === undefined) return
  done(await server.bus.execute({ type: "RevokeGrant", data: { grant_id: grantId, reason }, actor }))
  server.log.warning("oauth_grant_revoked", { grant_id: grantId, reason })
  tallyRevocation(server, grant.client_id)
  await server.ttl.remove("refresh", grantId)
}
