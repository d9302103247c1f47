import type { IncomingMessage, ServerResponse } from "node:http"
import type { EdgeContext, Exchange, UpgradeSocket } from "./exchange.ts"
import { dropUpstream, fail } from "./abandon.ts"
import type { ClientConnection } from "./client-connections.ts"
import { type ErrorCode, catalogue } from "../errors.ts"
import { newExchange } from "./new-exchange.ts"
import { endAfter, rawRefusal } from "./answer.ts"
import { watchUpgrade } from "./splice.ts"

/** Takes up a request. Its end, however it comes, gives back the upstream and writes the access record. */
export function begin(
  edge: EdgeContext,
  client: ClientConnection,
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
): Exchange {
  const exchange = newExchange(edge, client, req, res, requestId)
  started(exchange)
  if (edge.draining) endAfter(exchange)
  res.on("error", ignore)
  res.on("close", () => ended(exchange))
  return exchange
}

/** Takes up a request whose socket Node has handed over; its answer ends the connection unless it becomes a WebSocket. */
export function beginUpgrade(
  edge: EdgeContext,
  client: ClientConnection,
  req: IncomingMessage,
  res: ServerResponse,
  requestId: string,
  upgrade: UpgradeSocket,
): Exchange {
  const { socket } = upgrade
  const exchange = newExchange(edge, client, req, res, requestId, upgrade)
  watchUpgrade(exchange, upgrade)
  started(exchange)
  res.shouldKeepAlive = false
  res.on("error", ignore)
  res.assignSocket(socket)
  res.on("finish", () => {
    if (res.socket !== null) res.detachSocket(socket)
    socket.destroySoon()
  })
  socket.on("close", () => ended(exchange))
  return exchange
}

// Errors of a response are those of its socket, and its end is noticed by its close.
const ignore = () => {}

function started(exchange: Exchange): void {
  const { client } = exchange
  client.requests += 1
  client.active += 1
  client.newest = exchange
  client.bodySince = exchange.started
  client.bytesThen = -1
}

function ended(exchange: Exchange): void {
  const { client, edge, res } = exchange
  if (exchange.logged) return
  exchange.logged = true
  if (exchange.phase !== "done") exchange.reason ??= exchange.phase === "spliced" ? null : "client_closed"
  exchange.phase = "done"
  dropUpstream(exchange)
  if (exchange.heldBytes > 0) edge.mcp.release(exchange)
  client.active -= 1
  const now = edge.now()
  if (client.active === 0) {
    client.idleSince = now
    client.bytesThen = -1
    // A body that nobody waited for may still come: its request stays known until it is complete.
    if (client.newest?.req.complete === true) client.newest = undefined
    client.afterLast?.()
    if (edge.draining) client.socket.end()
  }
  record(exchange, res.headersSent || res.statusCode === 101 ? res.statusCode : 0, now - exchange.started)
}

/**
 * @param status 0 when the client left before there was one
 * @param duration milliseconds
 */
function record(exchange: Exchange, status: number, duration: number): void {
  const { edge, res, identity, noted } = exchange
  const length =
    exchange.bytes === 0 && exchange.plan === undefined ? Number(res.getHeader("content-length") ?? 0) : exchange.bytes
  edge.access.add({
    at: Math.round(edge.clock().getTime() - duration),
    client: exchange.address,
    host: exchange.hostname,
    method: exchange.method,
    path: exchange.path,
    status,
    bytes: length,
    duration_ms: Math.round(duration * 1000) / 1000,
    proxy: exchange.proxy?.hostname ?? null,
    subject: identity?.subject ?? noted?.subject ?? null,
    client_id: identity?.clientId ?? noted?.client_id ?? null,
    grant_id: identity?.grantId ?? noted?.grant_id ?? null,
    token_id: identity?.tokenId ?? null,
    reason: exchange.reason ?? noted?.reason ?? null,
    request_id: exchange.requestId,
    mcp: exchange.mcp?.log ?? null,
  })
}

/** Answers bytes that are no request, and closes. */
export function answerMalformed(edge: EdgeContext, client: ClientConnection, code: ErrorCode, requestId: string): void {
  const { socket } = client
  client.afterLast = undefined
  if (socket.writable) socket.end(rawRefusal(code, requestId), "latin1")
  socket.destroySoon()
  edge.access.add({
    at: edge.clock().getTime(),
    client: client.peer,
    host: "",
    method: "",
    path: "",
    status: catalogue[code].status,
    bytes: 0,
    duration_ms: 0,
    proxy: null,
    subject: null,
    client_id: null,
    grant_id: null,
    token_id: null,
    reason: code,
    request_id: requestId,
    mcp: null,
  })
}

/** The body of the connection's newest request cannot be read to its end. */
export function failBody(edge: EdgeContext, client: ClientConnection, code: ErrorCode, requestId: string): void {
  const { newest, socket } = client
  client.closing = true
  if (newest === undefined) return void socket.destroy()
  const ours = newest.plan !== undefined || newest.phase === "reading"
  if (ours && newest.phase !== "done") return fail(newest, code)
  // Answered already, or a handler of our own has it: one that has not begun to answer is answered for.
  if (newest.res.writableEnded) socket.destroySoon()
  else if (newest.res.headersSent || client.active > 1) socket.destroy()
  else answerMalformed(edge, client, code, requestId)
}
