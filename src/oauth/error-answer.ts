import { GatehouseError, problem } from "../errors.ts"
import { OAuthError, PageError } from "./oauth-error.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { H3Event } from "h3"
import { errorPage } from "./pages.ts"
import { randomUUID } from "node:crypto"
import { reason } from "../platform/log.ts"
import { requestIdOf } from "./outcome.ts"

/**
 * The answer to whatever an endpoint threw: a page for people, an OAuth error (RFC 6749 §5.2) for programs. What is away for
 * the moment is 503 with Retry-After and never an error that makes a client drop its tokens.
 */
export function errorAnswer(
  server: AuthorizationServer,
  kind: "page" | "json",
  event: H3Event,
  error: unknown,
): Response {
  const request = requestIdOf(event) ?? randomUUID()
  const known = error instanceof OAuthError || error instanceof PageError || error instanceof GatehouseError
  const path = event.url.pathname
  if (!known) server.log.error("oauth_request_failed", { request, path, error: reason(error) })
  else server.log.info("oauth_request_refused", { request, path, reason: reasonOf(error), status: error.status })
  if (error instanceof GatehouseError && error.code === "method_not_allowed") return notAllowed(kind, error, request)
  return kind === "page" ? pageFor(error) : jsonFor(error)
}

function reasonOf(error: OAuthError | PageError | GatehouseError): string {
  return error instanceof PageError ? error.reason : error.code
}

function jsonFor(error: unknown): Response {
  const { code, message, status, headers } = oauthErrorFor(error)
  return Response.json(
    { error: code, error_description: message },
    { status, headers: { "cache-control": "no-store", ...headers } },
  )
}

function oauthErrorFor(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (!(error instanceof GatehouseError))
    return new OAuthError("server_error", "something went wrong inside the authorization server")
  const headers = retryHeaders(error)
  if (error.status === 503) return new OAuthError("temporarily_unavailable", "try again in a moment", { headers })
  if (error.code === "rate_limited")
    return new OAuthError("temporarily_unavailable", "too many requests", { status: 429, headers })
  if (error.code === "payload_too_large")
    return new OAuthError("invalid_request", "the body is too large", { status: 413 })
  return new OAuthError("server_error", "the request could not be completed")
}

function pageFor(error: unknown): Response {
  if (error instanceof PageError) return errorPage(error.status, error.title, error.message)
  if (error instanceof OAuthError)
    return errorPage(error.status, "Malformed request", "The request cannot be understood.")
  if (!(error instanceof GatehouseError))
    return errorPage(500, "Something went wrong", "Try again; if it stays, tell the operator of this server.")
  const headers = retryHeaders(error)
  if (error.status === 503)
    return errorPage(503, "Not available", "Signing in is not possible at the moment. Try again shortly.", headers)
  if (error.code === "rate_limited") return errorPage(429, "Too many attempts", "Wait a minute and try again.", headers)
  if (error.code === "payload_too_large") return errorPage(413, "Too large", "The form is too large.")
  return errorPage(500, "Something went wrong", "The request could not be completed.")
}

function retryHeaders({ extras, status }: GatehouseError): Readonly<Record<string, string>> {
  if (status !== 503 && status !== 429) return {}
  return { "retry-after": String(extras.retryAfter ?? 2) }
}

/** Programs get the one shape of error that OAuth clients read. */
function notAllowed(kind: "page" | "json", error: GatehouseError, request: string): Response {
  const allow = (error.extras.allow ?? []).join(", ")
  if (kind === "json") {
    const refused = new OAuthError("invalid_request", "the method is not allowed here", { status: 405 })
    return withAllow(jsonFor(refused), allow)
  }
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" }
  return withAllow(Response.json(problem(error.code, undefined, request), { status: 405, headers }), allow)
}

function withAllow(response: Response, allow: string): Response {
  response.headers.set("allow", allow)
  return response
}
