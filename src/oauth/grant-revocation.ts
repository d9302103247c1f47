import { type AuthorizationServer, oauthActor } from "./authorization-server.ts"
import { done } from "./done.ts"
import { find } from "../events/world.ts"

/** Why the authorization server itself ends a grant. */
type Reason = "client" | "refresh_reuse" | "code_reuse"

/**
 * Ends a grant: its refresh family and every access token of it. Returns when this node's projections have it, so the next
 * request already fails; a grant that is gone stays gone.
 * @throws GatehouseError `store_unavailable`
 */
export async function revokeGrant(server: AuthorizationServer, grantId: string, reason: Reason): Promise<void> {
  if (find(server.projections.world, "grant", grantId) === undefined) return
  done(await server.bus.execute({ type: "RevokeGrant", data: { grant_id: grantId, reason }, actor: oauthActor }))
  server.log.warning("oauth_grant_revoked", { grant_id: grantId, reason })
}
