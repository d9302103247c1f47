import { type RpcFault, readBody } from "./message.ts"
import { headerMismatch, protocolFault, readMcpHeaders, versionFault } from "./protocol.ts"
import { refuseCode, refuseRpc } from "./refusal.ts"
import type { Exchange } from "../exchange.ts"
import type { ResourceProxy } from "../../projections/resource.ts"
import { bodyReader } from "./body-reader.ts"
import { isMcpEndpoint } from "./endpoint.ts"
import { headerValue } from "../credentials.ts"

/** Judges requests on MCP endpoints behind the guard and before their backend. */
export interface McpGate {
  /** Is the request for the MCP endpoint of its proxy? */
  concerns(proxy: ResourceProxy, path: string): boolean
  /**
   * Judges a request and lets it go on, at once or when its body is here. What does not pass is answered.
   * @param onward sends it to its backend; the body, if there is one, is then in `exchange.held`
   */
  take(exchange: Exchange, proxy: ResourceProxy, onward: () => void): void
  /** The exchange is over. */
  release(exchange: Exchange): void
}

const defaultMaxBody = 4 * 1024 * 1024

/** The gate of one edge. */
export function mcpGate(): McpGate {
  const reader = bodyReader()

  function take(exchange: Exchange, proxy: ResourceProxy, onward: () => void): void {
    const { mcp } = proxy
    if (mcp === null) return onward()
    const { scan, rawHeaders, method } = exchange
    const headers = readMcpHeaders(rawHeaders)
    const hasBody = scan.chunked || Number(scan.contentLength) > 0
    if (method !== "POST") {
      // A backend that does not look at the method would take it for a message that nobody judged.
      if (hasBody) return refuseCode(exchange, "bad_request", { message: "Only POST carries a message." })
      const fault =
        headers.repeated === undefined
          ? versionFault(headers.version, mcp.mcp_versions)
          : { code: headerMismatch, message: `Header mismatch: ${headers.repeated} stands twice` }
      return fault === undefined ? onward() : refuseProtocol(exchange, fault)
    }
    if (!isJson(headerValue(rawHeaders, "content-type") ?? ""))
      return refuseCode(exchange, "unsupported_media_type", { message: "The body must be application/json in UTF-8." })
    if (!isPlain(headerValue(rawHeaders, "content-encoding")))
      return refuseCode(exchange, "unsupported_media_type", { message: "The body must come without a content coding." })
    reader.read(
      exchange,
      mcp.mcp_max_body ?? defaultMaxBody,
      (bytes) => {
        const body = readBody(bytes)
        if ("code" in body) return refuseProtocol(exchange, body)
        const fault = protocolFault(headers, body, mcp.mcp_versions)
        if (fault !== undefined) return refuseProtocol(exchange, fault)
        hold(exchange, bytes)
        onward()
      },
      (code) => refuseCode(exchange, code),
    )
  }

  return { concerns: isMcpEndpoint, take, release: reader.release }
}

/** From here on the request has a body of known length, and the names of its headers are judged anew: others came in between. */
function hold(exchange: Exchange, bytes: Buffer): void {
  const { edge, rawHeaders } = exchange
  exchange.held = bytes
  exchange.scan = { ...exchange.scan, chunked: false, contentLength: String(bytes.length) }
  for (let at = 0; at < rawHeaders.length; at += 2) edge.judged[at >> 1] = edge.names(rawHeaders[at]!)
}

function refuseProtocol(exchange: Exchange, fault: RpcFault): void {
  refuseRpc(exchange, 400, fault, reasons.get(fault.code) ?? "mcp_invalid_request")
}

const reasons: ReadonlyMap<number, string> = new Map([
  [-32020, "mcp_header_mismatch"],
  [-32022, "mcp_unsupported_version"],
  [-32700, "mcp_parse_error"],
])

function isJson(contentType: string): boolean {
  return /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i.test(contentType)
}

function isPlain(contentEncoding: string | undefined): boolean {
  return contentEncoding === undefined || contentEncoding.toLowerCase() === "identity"
}
