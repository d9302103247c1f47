import { type AuthorizationServer, type Handler, clientAddress, clientLifeEnds } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import { limit } from "./limits.ts"
import { jsonObject, mediaType } from "./parameters.ts"
import { randomSecret, sha256 } from "../platform/ids.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { H3Event } from "h3"
import { registeredMetadata } from "./client-metadata.ts"
import { done } from "./done.ts"
import { find } from "../events/world.ts"
import { hasHash } from "./known-client.ts"
import { about } from "./outcome.ts"

/** `POST /register`: dynamic client registration (RFC 7591 §3). */
export const register: Handler = async (server, event) => {
  await limit(server, event, "registration")
  requireOpen(server, event)
  // What keeps a flood of them from filling every node's memory.
  if (server.projections.world.objects.client.size >= server.config.OAUTH_MAX_CLIENTS)
    throw new OAuthError("temporarily_unavailable", "no more clients can register now", {
      headers: { "retry-after": "3600" },
    })
  const metadata = registeredMetadata(server, await registrationBody(event))
  const secret = metadata.token_endpoint_auth_method.startsWith("client_secret") ? randomSecret() : undefined
  const registrationToken = randomSecret()
  const asked = server.clock().toISOString()
  const client_id = `mcp_${randomSecret(16)}`
  const data = {
    client_id,
    metadata,
    secret_hash: secret === undefined ? null : sha256(secret),
    registration_token_hash: sha256(registrationToken),
    expires_at: clientLifeEnds(server),
  }
  done(await server.bus.execute({ type: "RegisterClient", data, actor: oauthActor, ip: clientAddress(event) }))
  server.log.info("oauth_client_registered", { client_id, ip: clientAddress(event) })
  // Its times are the log's, which a later read shows too.
  const registered = find(server.projections.world, "client", client_id) ?? { ...data, created_at: asked }
  return about(clientInformation(server, registered, registrationToken, secret, 201), { client_id })
}

/** @throws OAuthError when nobody, or nobody without the initial access token (RFC 7591 §3), may register */
function requireOpen({ config }: AuthorizationServer, event: H3Event): void {
  if (!config.OAUTH_REGISTRATION) throw new OAuthError("access_denied", "registration is closed")
  if (config.OAUTH_INITIAL_ACCESS_TOKEN === undefined) return
  const token = /^bearer +(\S{1,512})$/i.exec(event.req.headers.get("authorization") ?? "")?.[1]
  if (token !== undefined && hasHash(token, sha256(config.OAUTH_INITIAL_ACCESS_TOKEN))) return
  throw new OAuthError("invalid_token", "registration needs an initial access token", {
    headers: { "www-authenticate": token === undefined ? "Bearer" : 'Bearer error="invalid_token"' },
  })
}

/** Members of a registration request. @throws OAuthError `invalid_client_metadata` */
export async function registrationBody(event: H3Event): Promise<Record<string, unknown>> {
  if (mediaType(event) !== "application/json")
    throw new OAuthError("invalid_client_metadata", "the body must be application/json", { status: 415 })
  try {
    return await jsonObject(event)
  } catch (error) {
    if (error instanceof OAuthError) throw new OAuthError("invalid_client_metadata", error.message)
    throw error
  }
}

/** Client information response (RFC 7591 §3.2.1): what was stored, and the secrets, which only their holder can know. */
export function clientInformation(
  { issuer }: AuthorizationServer,
  client: Pick<Client, "client_id" | "metadata" | "secret_hash" | "created_at" | "expires_at">,
  registrationToken: string,
  secret: string | undefined,
  status: number,
): Response {
  const seconds = (instant: string) => Math.floor(Date.parse(instant) / 1000)
  const information = {
    client_id: client.client_id,
    client_id_issued_at: seconds(client.created_at),
    ...(secret !== undefined && { client_secret: secret }),
    ...(client.secret_hash !== null && {
      client_secret_expires_at: client.expires_at === null ? 0 : seconds(client.expires_at),
    }),
    registration_client_uri: `${issuer}/register/${client.client_id}`,
    registration_access_token: registrationToken,
    ...client.metadata,
  }
  return Response.json(information, { status, headers: { "cache-control": "no-store" } })
}
