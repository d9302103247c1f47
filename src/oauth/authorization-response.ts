import type { AuthorizationServer } from "./authorization-server.ts"
import { OAuthError } from "./oauth-error.ts"
import { denyDevice } from "./device-code.ts"
import { errorPage } from "./pages.ts"
import { GatehouseError } from "../errors.ts"
import { reason } from "../platform/log.ts"
import { tallyRefusal } from "./tally.ts"
import { about, outcomeOf } from "./outcome.ts"

/** How an answer by redirect carries its members (OAuth 2.0 Multiple Response Type Encoding Practices §2.1). */
export const responseModes = ["query"] as const

/** A redirect URI that was checked against the client, and the state that goes with it. */
export interface RedirectAnswer {
  readonly via: "redirect"
  readonly redirect_uri: string
  readonly state: string | null
}

/** A device that asks for its answer itself (RFC 8628). */
export interface DeviceAnswer {
  readonly via: "device"
  readonly device: string
}

/** A browser that signs in for itself. */
export interface SessionAnswer {
  readonly via: "session"
  /** Path of ours, or a URL that was checked. */
  readonly return_url: string
  /** Origin that the way leads to in the end, where it is not ours. */
  readonly origin: string | null
}

/** Who waits for the outcome of an authorization, and how it gets there. */
export interface ResponseTarget {
  /** Empty where no client is involved. */
  readonly client_id: string
  readonly answer: RedirectAnswer | DeviceAnswer | SessionAnswer
}

/** Redirect that carries a code (RFC 6749 §4.1.2), with `iss` (RFC 9207). */
export function codeResponse(server: AuthorizationServer, answer: RedirectAnswer, code: string): Response {
  return redirect(server, answer, { code })
}

/** Tells the client of an error (RFC 6749 §4.1.2.1), by a redirect with `iss` (RFC 9207) or when its device asks next. */
async function errorResponse(
  server: AuthorizationServer,
  { client_id, answer }: ResponseTarget,
  error: OAuthError,
): Promise<Response> {
  server.log.info("oauth_authorization_refused", { client_id, error: error.code, detail: error.message })
  tallyRefusal(server, client_id, error.code)
  const outcome = { reason: error.code, ...outcomeOf(error), ...(client_id !== "" && { client_id }) }
  return about(await refusal(server, answer, error), outcome)
}

async function refusal(
  server: AuthorizationServer,
  answer: ResponseTarget["answer"],
  error: OAuthError,
): Promise<Response> {
  switch (answer.via) {
    case "redirect":
      return redirect(server, answer, { error: error.code, error_description: error.message })
    case "device":
      await denyDevice(server, answer.device)
      return errorPage(200, "Access was not granted", `The device gets no access: ${error.told}.`)
    case "session":
      return errorPage(403, "Not signed in", `Signing in did not work: ${error.told}.`)
  }
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
    if (error instanceof OAuthError) return await errorResponse(server, target, error)
    if (error instanceof GatehouseError && error.code === "store_unavailable") throw error
    if (!(error instanceof GatehouseError)) throw error
    server.log.error("oauth_authorization_failed", { client_id: target.client_id, error: reason(error) })
    return errorResponse(server, target, new OAuthError("server_error", "the authorization could not be completed"))
  }
}

function redirect(server: AuthorizationServer, answer: RedirectAnswer, members: Record<string, string>): Response {
  const query = new URLSearchParams({
    ...members,
    ...(answer.state !== null && { state: answer.state }),
    iss: server.issuer,
  })
  // Appended to the text, not rebuilt: the client registered these bytes.
  const joint = answer.redirect_uri.includes("?") ? "&" : "?"
  return seeOther(`${answer.redirect_uri}${joint}${query.toString()}`)
}

/** 303, so that a form post is never sent on (RFC 9700 §4.12). */
export function seeOther(location: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-store", ...headers } })
}
