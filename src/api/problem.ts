import { type ErrorCode, type ErrorExtras, GatehouseError, catalogue, problem } from "../errors.ts"
import { FastResponse } from "srvx"
import { HTTPError } from "h3"
import { type Logger, reason } from "../platform/log.ts"

/** Headers of every answer of the API. */
export const commonHeaders = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
} as const

/** Answer for whatever was thrown: a problem document (RFC 9457). What is not a GatehouseError shows nothing of the inside. */
export function problemResponse(error: unknown, requestId: string, log: Logger): Response {
  const known = asGatehouseError(error)
  if (known === undefined) log.error("request_failed", { request_id: requestId, error: reason(error) })
  const { code, message, extras } = known ?? new GatehouseError("internal")
  return new FastResponse(JSON.stringify(problem(code, message, requestId, extras)), {
    status: catalogue[code].status,
    headers: {
      ...commonHeaders,
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-request-id": requestId,
      ...headersOf(code, extras),
    },
  })
}

function asGatehouseError(error: unknown): GatehouseError | undefined {
  if (error instanceof GatehouseError) return error
  // h3 refuses malformed targets before any handler of ours sees them.
  if (HTTPError.isError(error) && error.unhandled !== true)
    return new GatehouseError(error.status === 404 ? "not_found" : "bad_request")
  return undefined
}

function headersOf(code: ErrorCode, extras: ErrorExtras): Record<string, string> {
  const { status } = catalogue[code]
  const retryAfter = extras.retryAfter ?? (status === 503 || status === 429 ? 2 : undefined)
  return {
    ...(status === 401 && { "www-authenticate": code === "invalid_token" ? 'Bearer error="invalid_token"' : "Bearer" }),
    ...(extras.allow !== undefined && { allow: extras.allow.join(", ") }),
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    // The rest of the body is not read: the connection cannot be used again.
    ...(status === 413 && { connection: "close" }),
  }
}
