import { type ErrorCode, catalogue, problem } from "../errors.ts"
import { malformedChallenge, scopeChallenge, tokenChallenge } from "./challenge.ts"
import type { AdmissionFault } from "../projections/admission.ts"
import type { Proxy } from "../events/proxy.ts"
import type { TokenFault } from "../projections/access-token.ts"
import type { Verdict } from "./guard.ts"
import { usableScopes } from "../projections/scope.ts"

/** Why the guard does not let a request pass: the stable reasons of the access log. */
export type GuardFault =
  | "no_credential"
  | "repeated_header"
  | "malformed_authorization"
  | "token_in_query"
  | "origin_not_allowed"
  | "identity_not_representable"
  | TokenFault
  | AdmissionFault

/** What an answer must know of the request that it refuses. */
export interface RefusedRequest {
  readonly proxy: Proxy
  readonly publicHttpsPort: number
  /** On the MCP endpoint the body is a JSON-RPC error. */
  readonly mcpEndpoint: boolean
  /** CORS headers to add, flat. */
  readonly cors: readonly string[]
  readonly requestId: string | undefined
}

interface Answer {
  readonly code: ErrorCode
  readonly detail?: string
  readonly challenge?: string
}

/** The answer for a fault (oauth-mcp: 400 malformed, 401 no or bad token, 403 identity fine but not allowed). */
export function refusal(fault: GuardFault, request: RefusedRequest): Verdict {
  const { code, detail = catalogue[code].title, challenge } = answerTo(fault, request)
  const type = request.mcpEndpoint ? "application/json" : "application/problem+json"
  return {
    pass: false,
    status: catalogue[code].status,
    headers: [
      ...(challenge === undefined ? [] : ["WWW-Authenticate", challenge]),
      "Content-Type",
      type,
      "Cache-Control",
      "no-store",
      ...request.cors,
    ],
    body: JSON.stringify(request.mcpEndpoint ? rpcError(code, detail) : problemBody(code, detail, request.requestId)),
    reason: fault,
  }
}

function answerTo(fault: GuardFault, { proxy, publicHttpsPort: port }: RefusedRequest): Answer {
  const invalid = (description: string): Answer => ({
    code: "invalid_token",
    detail: description,
    challenge: tokenChallenge(proxy, port, { error: "invalid_token", description }),
  })
  const malformed = (detail: string): Answer => ({
    code: "bad_request",
    detail,
    challenge: malformedChallenge(proxy, detail),
  })
  switch (fault) {
    case "no_credential":
      return { code: "unauthenticated", challenge: tokenChallenge(proxy, port) }
    case "repeated_header":
      return malformed("A header that must be single was sent twice.")
    case "malformed_authorization":
      return malformed("The Authorization header cannot be read.")
    case "token_in_query":
      return malformed("Access tokens are not taken from the query.")
    case "origin_not_allowed":
      return { code: "origin_not_allowed" }
    case "identity_not_representable":
      return { code: "bad_gateway", detail: "The identity cannot be sent to the backend as headers." }
    case "expired":
      return invalid("The access token has expired.")
    case "revoked":
      return invalid("The access token was revoked.")
    case "wrong_issuer":
    case "wrong_audience":
      return invalid("The access token is not for this resource.")
    case "sender_constrained":
      return invalid("The access token is bound to a key and is not a bearer token.")
    case "user_not_allowed":
    case "email_not_allowed":
    case "group_not_allowed":
    case "auth_off":
      return { code: "forbidden" }
    case "insufficient_scope": {
      const detail = catalogue.insufficient_scope.title
      return { code: "insufficient_scope", challenge: scopeChallenge(proxy, port, usableScopes(proxy), detail) }
    }
    case "too_large":
    case "malformed":
    case "header_not_allowed":
    case "wrong_type":
    case "unknown_key":
    case "algorithm_not_allowed":
    case "bad_signature":
    case "bad_claims":
    case "not_yet_valid":
      return invalid("The access token is not valid.")
  }
}

/** JSON-RPC error without an id: the request was refused before its body was read, and MCP lets the member be absent. */
function rpcError(code: ErrorCode, message: string): unknown {
  return { jsonrpc: "2.0", error: { code: -32000, message, data: { code } } }
}

function problemBody(code: ErrorCode, detail: string, requestId: string | undefined): unknown {
  const { instance, ...rest } = problem(code, detail, requestId ?? "")
  return requestId === undefined ? rest : { ...rest, instance }
}
