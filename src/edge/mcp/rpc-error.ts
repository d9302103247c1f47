import { type ErrorCode, catalogue } from "../../errors.ts"
import type { RpcFault } from "./message.ts"

/** Server error of JSON-RPC (§5.1) for what the gateway refuses by rules of its own; `data.code` says which. */
const refused = -32000

export const rpcHeaders = ["Content-Type", "application/json", "Cache-Control", "no-store"]

/** Text of a JSON-RPC error. MCP lets the id be absent when it is not known. */
export function rpcErrorText({ code, message, id, data }: RpcFault): string {
  const error = JSON.stringify({ code, message, ...(data !== undefined && { data }) })
  return `{"jsonrpc":"2.0",${id === undefined ? "" : `"id":${id},`}"error":${error}}`
}

/** An error of the catalogue as one of JSON-RPC. @param id JSON text */
export function faultOf(code: ErrorCode, id: string | undefined, message?: string): RpcFault {
  return { code: refused, message: message ?? catalogue[code].title, id, data: { code } }
}
