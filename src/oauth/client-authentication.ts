import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"
import { find } from "../events/world.ts"
import { sha256 } from "../platform/ids.ts"
import { timingSafeEqual } from "node:crypto"

/** A registered client whose registration still lives, or undefined. */
export function findClient({ projections, clock }: AuthorizationServer, clientId: string): Client | undefined {
  const client = find(projections.world, "client", clientId)
  return client !== undefined && Date.parse(client.expires_at) > clock().getTime() ? client : undefined
}

/**
 * Authenticates the client of a request (RFC 6749 §2.3) by its registered method and no other.
 * @param authorization value of the Authorization header
 * @throws OAuthError `invalid_client`; `invalid_request` when two methods or two ids are used
 */
export function authenticateClient(
  server: AuthorizationServer,
  authorization: string | null,
  parameters: Parameters,
): Client {
  const basic = authorization === null ? undefined : basicCredentials(server, authorization)
  const postedId = parameters.get("client_id")
  const postedSecret = parameters.get("client_secret")
  if (basic !== undefined && postedSecret !== undefined)
    throw new OAuthError("invalid_request", "the client uses two authentication methods")
  if (basic !== undefined && postedId !== undefined && postedId !== basic.id)
    throw new OAuthError("invalid_request", "client_id differs from the authenticated client")
  const id = basic?.id ?? postedId
  if (id === undefined) throw refused(server, false)
  const secret = basic?.secret ?? postedSecret
  const method = basic !== undefined ? "client_secret_basic" : secret !== undefined ? "client_secret_post" : "none"
  const client = findClient(server, id)
  if (client === undefined || client.metadata.token_endpoint_auth_method !== method)
    throw refused(server, basic !== undefined)
  if (method !== "none" && !hasHash(secret ?? "", client.secret_hash)) throw refused(server, basic !== undefined)
  return client
}

/** Does the secret hash to this? Constant time over digests of equal length. */
export function hasHash(secret: string, hash: string | null): boolean {
  return hash !== null && timingSafeEqual(Buffer.from(sha256(secret)), Buffer.from(hash))
}

/** Basic credentials; both parts are form-encoded before base64 (RFC 6749 §2.3.1). @throws OAuthError `invalid_client` */
function basicCredentials(server: AuthorizationServer, authorization: string): { id: string; secret: string } {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1]
  const decoded = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("utf8")
  const colon = decoded.indexOf(":")
  if (colon < 1) throw refused(server, true)
  return { id: formDecode(decoded.slice(0, colon)), secret: formDecode(decoded.slice(colon + 1)) }
}

function formDecode(text: string): string {
  return new URLSearchParams(`_=${text.replaceAll("&", "%26")}`).get("_") ?? ""
}

/** RFC 6749 §5.2: the scheme is named when the client tried the Authorization header. */
function refused({ issuer }: AuthorizationServer, tried: boolean): OAuthError {
  return new OAuthError("invalid_client", "client authentication failed", {
    headers: tried ? { "www-authenticate": `Basic realm="${issuer}"` } : {},
  })
}
