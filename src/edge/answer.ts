import { type ErrorCode, catalogue, problem } from "../errors.ts"
import { STATUS_CODES } from "node:http"
import type { Exchange } from "./exchange.ts"
import { faultOf, rpcErrorText, rpcHeaders } from "./mcp/rpc-error.ts"

// After these the framing of what follows is in doubt, or nobody wants to read it.
const closing = new Set([400, 408, 413, 414, 417, 431, 505])
/** A refused body up to this size is read and dropped so that the connection lives on. */
const mostDropped = 65_536

/** Answers with an own text. Headers are flat and hold no framing. */
export function answer(exchange: Exchange, status: number, headers: readonly string[], body: string): void {
  const { res, req, scan } = exchange
  if (res.headersSent || res.writableEnded) return
  exchange.phase = "done"
  const unread = !req.complete && (scan.chunked || Number(scan.contentLength) > mostDropped)
  if (closing.has(status) || unread || exchange.edge.draining) endAfter(exchange)
  const hasBody = status !== 204 && status !== 304
  const length = Buffer.byteLength(body)
  res.writeHead(status, hasBody ? [...headers, "Content-Length", String(length)] : [...headers])
  exchange.bytes = hasBody && exchange.method !== "HEAD" ? length : 0
  res.end(hasBody ? body : undefined)
}

/** Makes this answer the last of its connection; requests that were sent behind it are not looked at. */
export function endAfter({ res, client }: Exchange): void {
  res.shouldKeepAlive = false
  client.closing = true
}

/** Answers with a problem document (RFC 9457) for a code, and on an MCP endpoint with a JSON-RPC error. */
export function refuse(exchange: Exchange, code: ErrorCode, headers: readonly string[] = [], detail?: string): void {
  exchange.reason ??= code
  const { mcp, cors = [], requestId } = exchange
  const body =
    mcp === undefined ? JSON.stringify(problem(code, detail, requestId)) : rpcErrorText(faultOf(code, mcp.id, detail))
  const types = mcp === undefined ? problemHeaders : rpcHeaders
  answer(exchange, catalogue[code].status, [...types, ...headers, ...cors], body)
}

const problemHeaders = ["Content-Type", "application/problem+json", "Cache-Control", "no-store"]

/** A whole refusal as bytes, for a connection on which nothing can be parsed any more. */
export function rawRefusal(code: ErrorCode, requestId: string): string {
  const { status } = catalogue[code]
  const body = JSON.stringify(problem(code, undefined, requestId))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/problem+json",
    "Cache-Control: no-store",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ]
  return `${head.join("\r\n")}\r\n\r\n${body}`
}
