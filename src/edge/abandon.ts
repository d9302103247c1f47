import type { ErrorCode } from "../errors.ts"
import type { Exchange } from "./exchange.ts"
import { refuseSession } from "./mcp/refusal.ts"
import { endAfter, refuse } from "./answer.ts"

/**
 * Ends an exchange that cannot go on: a refusal while nothing was sent, else the client's connection is cut, because a
 * truncated body must never look complete.
 */
export function fail(exchange: Exchange, code: ErrorCode, reason: string = code): void {
  const { res, req, edge } = exchange
  exchange.reason = reason
  dropUpstream(exchange)
  if (res.headersSent) {
    exchange.phase = "done"
    req.socket.destroy()
    return
  }
  if (!req.complete) endAfter(exchange)
  edge.log.debug("upstream_failed", { host: exchange.hostname, code, reason, request_id: exchange.requestId })
  // Where a session's backend cannot be reached the session is gone with it, as far as its client can tell.
  if (reason === "upstream_unreachable" && exchange.mcp?.session === true) return refuseSession(exchange, reason)
  refuse(exchange, code)
}

/** Lets go of the upstream by destroying its connection. */
export function dropUpstream(exchange: Exchange): void {
  const connection = exchange.upstream
  exchange.upstream = undefined
  if (connection !== undefined) exchange.edge.upstreams.destroy(connection)
}
