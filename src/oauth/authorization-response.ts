import type { AuthorizationServer } from "./authorization-server.ts"
import { OAuthError } from "./oauth-error.ts"
import { GatehouseError } from "../errors.ts"
import { reason } from "../platform/log.ts"

/** Where an authorization response goes: a redirect URI that was checked against the client, and its state. */
export interface ResponseTarget {
  readonly client_id: string
  readonly redirect_uri: string
  readonly state: string | null
}

/** Redirect that carries a code (RFC 6749 §4.1.2), with `iss` (RFC 9207). */
export function codeResponse(server: AuthorizationServer, target: ResponseTarget, code: string): Response {
  return redirect(server, target, { code })
}

/** Redirect that carries an error (RFC 6749 §4.1.2.1), with `iss` (RFC 9207). */
export function errorResponse(server: AuthorizationServer, target: ResponseTarget, error: OAuthError): Response {
  server.log.info("oauth_authorization_refused", {
    client_id: target.client_id,
    error: error.code,
    detail: error.message,
  })
  return redirect(server, target, { error: error.code, error_description: error.message })
}

/**
 * Runs a step of an authorization whose redirect URI is proven: its failures go back to the client.
 * A store that is away is left to the caller's page, so that the person can try again.
 */
export async function answering(
  server: AuthorizationServer,
  target: ResponseTarget,
  step: () => Promise<Response>,
): Promise<Response> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof OAuthError) return errorResponse(server, target, error)
    if (error instanceof GatehouseError && error.code === "store_unavailable") throw error
    if (!(error instanceof GatehouseError)) throw error
    server.log.error("oauth_authorization_failed", { client_id: target.client_id, error: reason(error) })
    return errorResponse(server, target, new OAuthError("server_error", "the authorization could not be completed"))
  }
}

function redirect(server: AuthorizationServer, target: ResponseTarget, members: Record<string, string>): Response {
  const query = new URLSearchParams({
    ...members,
    ...(target.state !== null && { state: target.state }),
    iss: server.issuer,
  })
  // Appended to the text, not rebuilt: the client registered these bytes.
  const joint = target.redirect_uri.includes("?") ? "&" : "?"
  return seeOther(`${target.redirect_uri}${joint}${query.toString()}`)
}

/** 303, so that a form post is never sent on (RFC 9700 §4.12). */
export function seeOther(location: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-store", ...headers } })
}
