import { faultOf, rpcErrorText, rpcHeaders } from "./rpc-error.ts"
import { scopeChallenge, tokenChallenge } from "../../projections/bearer-challenge.ts"
import type { ErrorCode } from "../../errors.ts"
import type { Exchange } from "../exchange.ts"
import type { PolicyVerdict } from "./policy-check.ts"
import type { ResourceProxy } from "../../projections/resource.ts"
import type { RpcFault } from "./message.ts"
import { answer } from "../answer.ts"
import { catalogue } from "../../errors.ts"

function refuseRpc(
  exchange: Exchange,
  status: number,
  fault: RpcFault,
  reason: string,
  headers: readonly string[] = [],
): void {
  exchange.reason ??= reason
  answer(exchange, status, [...rpcHeaders, ...headers, ...(exchange.cors ?? [])], rpcErrorText(fault))
}

/** What a refusal says besides its code. */
export interface RefusalDetail {
  /** For the access log. */
  readonly reason?: string
  readonly message?: string
  readonly headers?: readonly string[]
}

/** Answers a request on an MCP endpoint with an error of the catalogue. */
export function refuseCode(
  exchange: Exchange,
  code: ErrorCode,
  { reason = code, message, headers }: RefusalDetail = {},
): void {
  refuseRpc(exchange, catalogue[code].status, faultOf(code, exchange.mcp?.id, message), reason, headers)
}

/** Answers a message that MCP or JSON-RPC does not allow: 400. */
export function refuseProtocol(exchange: Exchange, fault: RpcFault): void {
  refuseRpc(exchange, 400, fault, reasons.get(fault.code) ?? "mcp_invalid_request")
}

const reasons: ReadonlyMap<number, string> = new Map([
  [-32020, "mcp_header_mismatch"],
  [-32022, "mcp_unsupported_version"],
  [-32700, "mcp_parse_error"],
])

/** Tells a legacy client that its session is not there, so that it begins anew (MCP 2025-11-25, Session Management): 404. */
export function refuseSession(exchange: Exchange, reason: string): void {
  const fault = { code: -32001, message: "Session not found", id: exchange.mcp?.id, data: { code: "not_found" } }
  refuseRpc(exchange, 404, fault, reason)
}

/** Answers what the policy does not let pass: 403, with a challenge only where more scopes would help; nobody is asked to sign in. */
export function refusePolicy(
  exchange: Exchange,
  proxy: ResourceProxy,
  publicHttpsPort: number,
  { verdict, operation: { kind } }: PolicyVerdict,
): void {
  if (verdict.type !== "scopes_missing" || proxy.auth?.auth_enabled !== true)
    return refuseCode(exchange, "forbidden", { reason: `${kind}_not_allowed` })
  const reason = `${kind}_needs_scope`
  if (exchange.identity === null) {
    const headers = ["WWW-Authenticate", tokenChallenge(proxy, publicHttpsPort)]
    return refuseCode(exchange, "unauthenticated", { reason, headers })
  }
  const message = `This ${kind} needs more than the token's scopes.`
  const headers = ["WWW-Authenticate", scopeChallenge(proxy, publicHttpsPort, verdict.needed, message)]
  refuseCode(exchange, "insufficient_scope", { reason, message, headers })
}
