import { type ErrorCode, catalogue, problem } from "../errors.ts"
import {
  type ProofError,
  dpopChallenge,
  malformedChallenge,
  scopeChallenge,
  tokenChallenge,
} from "../projections/bearer-challenge.ts"
import type { PossessionFault } from "./proof-guard.ts"
import type { AdmissionFault } from "../projections/admission.ts"
import type { TokenFault } from "../projections/access-token.ts"
import type { Verdict } from "./guard.ts"
import { type ResourceProxy, resourceIdentity } from "../projections/resource.ts"
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
  | PossessionFault

/** What an answer must know of the request that it refuses. */
export interface RefusedRequest {
  readonly proxy: ResourceProxy
  readonly publicHttpsPort: number
  /** On the MCP endpoint the body is a JSON-RPC error. */
  readonly mcpEndpoint: boolean
  /** CORS headers to add, flat. */
  readonly cors: readonly string[]
  readonly requestId: string | undefined
  /** For the next proof of possession, where proofs must carry one. */
  readonly nonce?: string | undefined
}

interface Answer {
  readonly code: ErrorCode
  readonly detail?: string
  readonly challenge?: string
  /** A second challenge, in a field of its own. */
  readonly proofChallenge?: string
}

/** The answer for a fault (oauth-mcp: 400 malformed, 401 no or bad token, 403 identity fine but not allowed). */
export function refusal(fault: GuardFault, request: RefusedRequest): Verdict {
  const { code, detail = catalogue[code].title, challenge, proofChallenge } = answerTo(fault, request)
  const type = request.mcpEndpoint ? "application/json" : "application/problem+json"
  return {
    pass: false,
    status: catalogue[code].status,
    headers: [
      ...(challenge === undefined ? [] : ["WWW-Authenticate", challenge]),
      ...(proofChallenge === undefined ? [] : ["WWW-Authenticate", proofChallenge, ...nonceHeader(request.nonce)]),
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

/** `DPoP-Nonce` (RFC 9449 §8), flat. */
function nonceHeader(nonce: string | undefined): readonly string[] {
  return nonce === undefined ? [] : ["DPoP-Nonce", nonce]
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
  const bound = (description: string, error: ProofError = "invalid_token"): Answer => ({
    ...invalid(description),
    proofChallenge: dpopChallenge(proxy, port, { error, description }),
  })
  const offered = proxy.auth?.auth_require_dpop === true ? { proofChallenge: dpopChallenge(proxy, port) } : {}
  switch (fault) {
    case "no_credential":
      return { code: "unauthenticated", challenge: tokenChallenge(proxy, port), ...offered }
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
      return bound("The access token is bound to a key and is not a bearer token.")
    case "not_sender_constrained":
      return bound("The access token must be bound to a key and come with a proof of it.")
    case "proof_nonce": {
      // Alone: a Bearer challenge beside it would say that the token is bad.
      const description = "The DPoP proof must carry the nonce of this answer."
      const proofChallenge = dpopChallenge(proxy, port, { error: "use_dpop_nonce", description })
      return { code: "invalid_token", detail: description, proofChallenge }
    }
    case "proof_key":
      return bound("The DPoP proof is by another key than the token's.")
    case "proof_missing":
    case "proof_malformed":
    case "proof_header_not_allowed":
    case "proof_key_not_allowed":
    case "proof_signature":
    case "proof_method":
    case "proof_url":
    case "proof_time":
    case "proof_token":
    case "proof_id":
    case "proof_replayed":
    case "proofs_too_many":
      return bound("The DPoP proof is not good for this request.", "invalid_dpop_proof")
    case "user_not_allowed":
    case "email_not_allowed":
    case "group_not_allowed":
    case "auth_off":
      return { code: "forbidden" }
    case "insufficient_scope": {
      const detail = catalogue.insufficient_scope.title
      const needed = usableScopes(proxy, resourceIdentity(proxy, port).canonical)
      return { code: "insufficient_scope", challenge: scopeChallenge(proxy, port, needed, detail) }
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
