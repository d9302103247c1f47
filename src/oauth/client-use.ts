import { type AuthorizationServer, clientLifeEnds } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import type { Client } from "../events/oauth-client.ts"
import { GatehouseError } from "../errors.ts"
import { clientUse } from "../commands/oauth-client.ts"

/** Moves the end of a client's life forward, at most once a day. A store that is away costs a day of life, not the request. */
export async function recordClientUse(server: AuthorizationServer, client: Client): Promise<void> {
  const data = { client_id: client.client_id, expires_at: clientLifeEnds(server) }
  if (clientUse(client, data.expires_at).length === 0) return
  try {
    await server.bus.execute({ type: "RecordClientUse", data, actor: oauthActor })
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    server.log.warning("oauth_client_use_not_recorded", { client_id: client.client_id, reason: error.code })
  }
}
