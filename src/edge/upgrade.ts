import type { ErrorCode } from "../errors.ts"
import type { IncomingMessage } from "node:http"
import { hasToken } from "./framing.ts"

/**
 * Does Node hand this request's socket over? Only for what can become a WebSocket; h2c and everything else stays an
 * ordinary request whose Upgrade header is dropped.
 */
export function isUpgrade(req: IncomingMessage): boolean {
  return req.method === "GET" && hasToken((req.headers.upgrade ?? "").toLowerCase(), "websocket") && !hasBody(req)
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"

/**
 * What is wrong with an opening handshake (RFC 6455 §4.2.1).
 * @param handedOver did Node hand over the socket? If not, method, body or Connection are wrong
 */
export function webSocketFault(req: IncomingMessage, handedOver: boolean): ErrorCode | undefined {
  if (!handedOver) return "bad_request"
  const { headers } = req
  if (headers["sec-websocket-version"] !== "13") return "upgrade_required"
  const key = headers["sec-websocket-key"] ?? ""
  const wellFormed = /^[A-Za-z0-9+/]{22}==$/.test(key) && Buffer.from(key, "base64").length === 16
  return wellFormed ? undefined : "bad_request"
}
