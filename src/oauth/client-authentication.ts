import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { findClient, hasHash } from "./known-client.ts"
import { type PresentedAssertion, assertionFault, presentedAssertion } from "./client-assertion.ts"
import { currentClient } from "./client-document.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"

/** What a request offers to prove its client. */
interface Presented {
  readonly method: Client["metadata"]["token_endpoint_auth_method"]
  readonly id: string | undefined
  readonly secret: string
  readonly assertion: PresentedAssertion | null
}

/**
 * Authenticates the client of a request (RFC 6749 §2.3) by its registered method and no other.
 * @param authorization value of the Authorization header
 * @throws OAuthError `invalid_client`; `invalid_request` when two methods or two ids are used
 */
export async function authenticateClient(
  server: AuthorizationServer,
  authorization: string | null,
  parameters: Parameters,
): Promise<Client> {
  const presented = readPresented(server, authorization, parameters)
  const refuse = () => refused(server, presented.method === "client_secret_basic")
  const known = presented.id === undefined ? undefined : findClient(server, presented.id)
  if (known === undefined) throw refuse()
  const client = known.kind === "cimd" ? await currentClient(server, known) : known
  if (client.metadata.token_endpoint_auth_method !== presented.method) throw refuse()
  if (presented.assertion !== null) {
    const fault = await assertionFault(server, client, presented.assertion)
    if (fault === undefined) return client
    server.log.warning("oauth_client_assertion_refused", { client_id: client.client_id, reason: fault })
    throw refuse()
  }
  if (presented.method !== "none" && !hasHash(presented.secret, client.secret_hash)) throw refuse()
  return client
}

/** @throws OAuthError */
function readPresented(server: AuthorizationServer, authorization: string | null, parameters: Parameters): Presented {
  const basic = authorization === null ? undefined : basicCredentials(server, authorization)
  const assertion = presentedAssertion(parameters)
  const postedId = parameters.get("client_id")
  const secret = parameters.get("client_secret")
  if ([basic, secret, assertion ?? undefined].filter((offer) => offer !== undefined).length > 1)
    throw new OAuthError("invalid_request", "the client uses two authentication methods")
  if (assertion === undefined) throw refused(server, false)
  const id = basic?.id ?? assertion?.clientId ?? postedId
  if (postedId !== undefined && postedId !== id)
    throw new OAuthError("invalid_request", "client_id differs from the authenticated client")
  if (basic !== undefined) return { method: "client_secret_basic", id, secret: basic.secret, assertion: null }
  if (assertion !== null) return { method: "private_key_jwt", id, secret: "", assertion }
  if (secret !== undefined) return { method: "client_secret_post", id, secret, assertion: null }
  return { method: "none", id, secret: "", assertion: null }
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
