import { type AuthorizationServer, type Handler, clientAddress } from "./authorization-server.ts"
import { oauthActor } from "./oauth-actor.ts"
import { clientInformation, registrationBody } from "./register.ts"
import { findClient, hasHash } from "./known-client.ts"
import type { Client } from "../events/oauth-client.ts"
import type { H3Event } from "h3"
import { OAuthError } from "./oauth-error.ts"
import { done } from "./done.ts"
import { getRouterParam } from "h3"
import { registeredMetadata } from "./client-metadata.ts"
import { about } from "./outcome.ts"

/** `GET /register/{client_id}`: read a registration (RFC 7592 §2.1). */
export const readClient: Handler = (server, event) => {
  const { client, token } = authorizedClient(server, event)
  return about(clientInformation(server, client, token, undefined, 200), { client_id: client.client_id })
}

/** `PUT /register/{client_id}`: replace a registration whole (RFC 7592 §2.2). The client's secret stays what it is. */
export const replaceClient: Handler = async (server, event) => {
  const { client, token } = authorizedClient(server, event)
  const body = await registrationBody(event)
  if (body["client_id"] !== client.client_id)
    throw new OAuthError("invalid_client_metadata", "client_id must be that of the path")
  if (serverOwned.some((member) => member in body))
    throw new OAuthError("invalid_client_metadata", "a member is set by the authorization server only")
  const secret = body["client_secret"]
  if (secret !== undefined && !(typeof secret === "string" && hasHash(secret, client.secret_hash)))
    throw new OAuthError("invalid_client_metadata", "client_secret cannot be chosen")
  const metadata = registeredMetadata(server, body)
  const { token_endpoint_auth_method: method } = metadata
  const confidential = client.metadata.token_endpoint_auth_method !== "none"
  if ((method !== "none") !== confidential || method.startsWith("client_secret") !== (client.secret_hash !== null))
    throw new OAuthError("invalid_client_metadata", "a client cannot change between public and confidential")
  await execute(server, event, "UpdateClient", { client_id: client.client_id, metadata })
  const { client_id } = client
  return about(clientInformation(server, { ...client, metadata }, token, undefined, 200), { client_id })
}

/** `DELETE /register/{client_id}`: end a registration and its grants (RFC 7592 §2.3). */
export const deleteClient: Handler = async (server, event) => {
  const { client_id } = authorizedClient(server, event).client
  await execute(server, event, "DeleteClient", { client_id, reason: "client" })
  return about(new Response(null, { status: 204, headers: { "cache-control": "no-store" } }), { client_id })
}

/** RFC 7592 §2.2: these must not stand in an update. */
const serverOwned = [
  "registration_access_token",
  "registration_client_uri",
  "client_secret_expires_at",
  "client_id_issued_at",
]

/** Absent, foreign and unknown all read the same, so that nobody can probe for ids. @throws OAuthError `invalid_token` */
function authorizedClient(server: AuthorizationServer, event: H3Event): { client: Client; token: string } {
  const token = /^bearer +([A-Za-z0-9_-]{1,256})$/i.exec(event.req.headers.get("authorization") ?? "")?.[1]
  const client = findClient(server, getRouterParam(event, "client_id") ?? "")
  if (token !== undefined && client !== undefined && hasHash(token, client.registration_token_hash))
    return { client, token }
  throw new OAuthError("invalid_token", "the registration access token is not good", {
    headers: { "www-authenticate": token === undefined ? "Bearer" : 'Bearer error="invalid_token"' },
  })
}

async function execute(server: AuthorizationServer, event: H3Event, type: string, data: unknown): Promise<void> {
  done(await server.bus.execute({ type, data, actor: oauthActor, ip: clientAddress(event) }))
}
