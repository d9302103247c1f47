import type { EdgeContext, Exchange } from "./exchange.ts"
import { reason } from "../platform/log.ts"
import { keepAlive } from "./mcp/keep-alive.ts"
import { closeSplice } from "./splice.ts"
import { dropUpstream, fail } from "./abandon.ts"

/** Ends what takes too long: connecting, waiting for a head, a body that stands still or crawls, a silent stream. */
export function expire(exchange: Exchange, now: number): void {
  const { config } = exchange.edge
  const idleMs = config.EDGE_STREAM_IDLE_TIMEOUT * 1000
  switch (exchange.phase) {
    case "connecting":
    case "waiting":
      if (now > exchange.deadline) fail(exchange, "gateway_timeout")
      return
    case "spliced":
      if (now - exchange.lastByte > idleMs) closeSplice(exchange, "away")
      return
    case "body": {
      if (now - exchange.lastByte > idleMs) return endStream(exchange, "stream_idle")
      const { body } = exchange
      if (isExpired(exchange)) return endStream(exchange, "token_expired")
      if (exchange.mcp !== undefined) keepAlive(exchange, now)
      if (body === undefined || body.stream || exchange.paused) return
      // A body of known length has the request's time, and more the more has come, so that no large download is cut.
      const allowed = config.PROXY_REQUEST_TIMEOUT * 1000 + body.heldUp + (exchange.bytes / 1024) * 1000
      if (now - exchange.started > allowed) fail(exchange, "gateway_timeout")
      return
    }
    case "new":
    case "reading":
    case "done":
      return
  }
}

/** Has the token of a stream expired on an MCP endpoint that lets no stream outlive it? */
function isExpired({ mcp, identity, proxy, edge, body }: Exchange): boolean {
  if (mcp === undefined || identity === null || body?.stream !== true) return false
  const expiry = edge.hosts.get(proxy?.hostname ?? "")?.proxy.mcp?.mcp_stream_expiry
  return expiry === "close" && edge.clock().getTime() >= identity.expires * 1000
}

/** Ends a running answer: an event stream cleanly, because every event in it is whole; anything else by cutting it. */
export function endStream(exchange: Exchange, reason: string): void {
  if (exchange.phase === "spliced") {
    exchange.reason = reason
    return closeSplice(exchange, reason === "shutting_down" ? "away" : "policy")
  }
  if (exchange.body?.eventStream !== true) return fail(exchange, "gateway_timeout", reason)
  exchange.reason = reason
  exchange.phase = "done"
  dropUpstream(exchange)
  exchange.res.end()
}

/**
 * Asks the guard again about every open stream and closes those that would not pass today: token expired or revoked, rule
 * tightened, proxy switched off or gone.
 */
export function recheckStreams({ upstreams, hosts, guard, mcp, log }: EdgeContext): void {
  for (const exchange of upstreams.busy())
    try {
      if (isStream(exchange) && !isAllowed(exchange, hosts, guard, mcp)) endStream(exchange, "no_longer_allowed")
    } catch (error) {
      log.error("stream_check_failed", { host: exchange.hostname, reason: reason(error) })
      endStream(exchange, "no_longer_allowed")
    }
}

function isAllowed(
  exchange: Exchange,
  hosts: EdgeContext["hosts"],
  guard: EdgeContext["guard"],
  mcp: EdgeContext["mcp"],
): boolean {
  const proxy = hosts.get(exchange.hostname)?.proxy
  if (proxy?.enabled !== true || !mcp.stillAllowed(exchange, proxy)) return false
  return exchange.identity === null ? guard.check(proxy, exchange).pass : guard.stillAllowed(proxy, exchange.identity)
}

/** Can this exchange outlive what allowed it? */
export function isStream(exchange: Exchange): boolean {
  return exchange.phase === "spliced" || (exchange.phase === "body" && exchange.body?.stream === true)
}
