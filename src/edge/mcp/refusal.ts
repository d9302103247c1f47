import { type ErrorCode, catalogue } from "../../errors.ts"
import type { Exchange } from "../exchange.ts"
import type { RpcFault } from "./message.ts"
import { answer } from "../answer.ts"

/** Server error of JSON-RPC (§5.1) for what the gateway refuses by rules of its own; `data.code` says which. */
const refused = -32000

/**
 * Answers a request on an MCP endpoint with a JSON-RPC error. MCP lets the id be absent when it is not known.
 * @param reason for the access log
 */
function refuseRpc(
  exchange: Exchange,
  status: number,
  { code, message, id, data }: RpcFault,
  reason: string,
  headers: readonly string[] = [],
): void {
  exchange.reason ??= reason
  const error = JSON.stringify({ code, message, ...(data !== undefined && { data }) })
  const body = `{"jsonrpc":"2.0",${id === undefined ? "" : `"id":${id},`}"error":${error}}`
  answer(exchange, status, [...rpcHeaders, ...headers, ...(exchange.cors ?? [])], body)
}

const rpcHeaders = ["Content-Type", "application/json", "Cache-Control", "no-store"]

/** Answers with an error of the catalogue. @param id JSON text */
export function refuseCode(
  exchange: Exchange,
  code: ErrorCode,
  { id, reason = code, message, headers }: RefusalDetail = {},
): void {
  const { status, title } = catalogue[code]
  refuseRpc(exchange, status, { code: refused, message: message ?? title, id, data: { code } }, reason, headers)
}

/** What a refusal says besides its code. */
export interface RefusalDetail {
  readonly id?: string | undefined
  readonly reason?: string
  readonly message?: string
  readonly headers?: readonly string[]
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
export function refuseSession(exchange: Exchange, id: string | undefined): void {
  const fault = { code: -32001, message: "Session not found", id, data: { code: "not_found" } }
  refuseRpc(exchange, 404, fault, "mcp_session")
}
