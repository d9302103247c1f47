import { type ResponseHead, headEnd, parseHead } from "./response-parser.ts"
import { takesComments, withChanged } from "./mcp/answer-shape.ts"
import type { FilterFault } from "./mcp/body-filter.ts"
import { faultOf, rpcErrorText } from "./mcp/rpc-error.ts"
import { deliver, endBody, responseBody } from "./response-body.ts"
import type { Exchange } from "./exchange.ts"
import { dropUpstream, fail } from "./abandon.ts"
import { endAfter } from "./answer.ts"
import { splice } from "./splice.ts"

const mostInterim = 16
/** How long a free connection waits for its next request when the upstream gives no hint: below every usual timeout. */
const defaultIdleMs = 4000
const longestIdleMs = 60_000

/** Takes bytes of the upstream's answer. @returns false to stop reading until the client has taken what there is */
export function onUpstreamBytes(exchange: Exchange, bytes: Buffer, length: number): boolean {
  if (exchange.phase === "body") return bodyBytes(exchange, bytes, 0, length)
  if (exchange.phase !== "waiting") {
    // An answer before the request: whatever it is, it is not for this request.
    fail(exchange, "bad_gateway", "upstream_unasked")
    return false
  }
  if (exchange.partial === undefined) return headBytes(exchange, bytes, length)
  const joined = Buffer.concat([exchange.partial, bytes.subarray(0, length)])
  return headBytes(exchange, joined, joined.length)
}

function headBytes(exchange: Exchange, bytes: Buffer, length: number): boolean {
  const end = headEnd(bytes, length)
  if (end === 0) {
    exchange.partial = Buffer.from(bytes.subarray(0, length))
    return true
  }
  const head = end === -1 ? undefined : headOf(exchange, bytes.toString("latin1", 0, end))
  if (head === undefined) return broken(exchange, "upstream_bad_head")
  exchange.partial = undefined
  if (head.status === 101) {
    if (exchange.upgrade === undefined || head.upgrade !== "websocket")
      return broken(exchange, "upstream_unsolicited_101")
    return splice(exchange, head, Buffer.from(bytes.subarray(end, length)))
  }
  if (head.status >= 200) return finalHead(exchange, head, bytes, end, length)
  exchange.interim += 1
  if (exchange.interim > mostInterim) return broken(exchange, "upstream_1xx_flood")
  if (end === length) return true
  const rest = bytes.subarray(end, length)
  return headBytes(exchange, rest, rest.length)
}

/** Within a second a backend's heads are mostly the same text: event streams and errors always, other answers by their length. */
function headOf({ plan, edge }: Exchange, text: string): ResponseHead | undefined {
  const pool = plan?.pool
  if (pool?.newest?.text === text) return pool.newest.head
  const head = parseHead(text, edge.names)
  if (pool !== undefined && head !== undefined) pool.newest = { text, head }
  return head
}

function broken(exchange: Exchange, reason: string): boolean {
  fail(exchange, "bad_gateway", reason)
  return false
}

function finalHead(exchange: Exchange, head: ResponseHead, bytes: Buffer, from: number, to: number): boolean {
  const { res, edge, cors } = exchange
  const { status } = head
  const given = cors === undefined ? head.headers : withCors(head, cors)
  const own = status >= 400 && exchange.proxy?.auth?.auth_enabled === true ? withoutChallenge(given) : given
  const shaped = exchange.mcp === undefined ? own : edge.mcp.shape(exchange, exchange.mcp, head, own)
  if (shaped === undefined) return broken(exchange, "mcp_answer_unreadable")
  const plain = head.eventStream ? unbuffered(shaped) : shaped
  const told = exchange.setCookie ? withCookie(plain, exchange.setCookie) : plain
  const headers = exchange.nonce === undefined ? told : withNonce(told, exchange.nonce)
  // A backend that refuses a body does not want the rest of it; nobody else does.
  if (edge.draining || (status >= 400 && !exchange.uploadDone)) endAfter(exchange)
  const hasBody = exchange.method !== "HEAD" && status !== 204 && status !== 304
  if (exchange.filter?.whole === true) keepHead(exchange, status, headers)
  // Node only reads them.
  else res.writeHead(status, headers as string[])
  exchange.phase = "body"
  exchange.body = responseBody(head, hasBody, exchange.lastByte)
  if (exchange.mcp !== undefined && takesComments(head)) exchange.body.tail = { text: "", commentedAt: 0 }
  if (exchange.body.left === 0) {
    exchange.sendHead?.()
    res.end()
    finish(exchange, from < to)
    return true
  }
  // The client learns at once that the answer has begun, even when its first byte takes an hour.
  if (from === to && exchange.sendHead === undefined) res.flushHeaders()
  return from === to || bodyBytes(exchange, bytes, from, to)
}

/** The head waits for the whole body, which may still become a refusal. */
function keepHead(exchange: Exchange, status: number, headers: readonly string[]): void {
  exchange.sendHead = () => void exchange.res.writeHead(status, headers as string[])
}

/**
 * An answer that its filter does not let through. Where events of it went out already, each of them is whole, and the error is one
 * more; without a message to answer the stream is cut.
 */
function refuseAnswer(exchange: Exchange, fault: FilterFault): void {
  const code = fault === "mcp_answers_overloaded" ? "overloaded" : "bad_gateway"
  const { res, body, mcp } = exchange
  if (!res.headersSent || body?.eventStream !== true || mcp?.id === undefined) return fail(exchange, code, fault)
  exchange.reason = fault
  exchange.phase = "done"
  dropUpstream(exchange)
  const event = `data: ${rpcErrorText(faultOf(code, mcp.id))}\n\n`
  exchange.bytes += event.length
  res.end(event)
}

/** Tells other proxies on the way not to hold back events, unless the backend says what they shall do. */
function unbuffered(headers: readonly string[]): readonly string[] {
  return headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === "x-accel-buffering")
    ? headers
    : [...headers, "X-Accel-Buffering", "no"]
}

const cacheHeader = /^(?:cache-control|expires|surrogate-control|(?:[a-z]+-)?cdn-cache-control)$/i

/** Adds a cookie of ours, and sees to it that no cache on the way gives it to somebody else. */
function withCookie(headers: readonly string[], cookie: string): string[] {
  const kept = headers.filter((_, i) => !cacheHeader.test(headers[i - (i % 2)]!))
  return [...kept, "Cache-Control", "no-store", "Set-Cookie", cookie]
}

/** The nonce is ours to give (RFC 9449 §8.2): the backend never saw a proof. */
function withNonce(headers: readonly string[], nonce: string): string[] {
  const kept = headers.filter((_, i) => headers[i - (i % 2)]!.toLowerCase() !== "dpop-nonce")
  return [...kept, "DPoP-Nonce", nonce]
}

/** The backend's CORS headers give way to ours. */
function withCors({ headers, cors: some }: ResponseHead, cors: readonly string[]): string[] {
  if (!some) return headers.concat(cors)
  const kept = headers.filter((_, i) => !headers[i - (i % 2)]!.toLowerCase().startsWith("access-control-"))
  return kept.concat(cors)
}

/** Where Gatehouse guards a host, a backend's challenge would send clients to sign in where nothing they get there is taken. */
function withoutChallenge(headers: readonly string[]): readonly string[] {
  return withChanged(headers, "www-authenticate", () => undefined)
}

function bodyBytes(exchange: Exchange, bytes: Buffer, from: number, to: number): boolean {
  const { body } = exchange
  if (body === undefined) return false
  const { used, state, flowing } = deliver(exchange, body, bytes, from, to)
  if (state === "done") {
    finish(exchange, used < to)
    return true
  }
  if (state === "broken") return broken(exchange, "upstream_bad_chunk")
  if (state !== "more") {
    refuseAnswer(exchange, state)
    return false
  }
  if (!flowing) pause(exchange)
  return flowing
}

/** Reading goes on when the client has taken what is queued for it. */
function pause(exchange: Exchange): void {
  const { res, body, edge } = exchange
  if (body === undefined || exchange.paused) return
  exchange.paused = true
  body.pausedAt = edge.now()
  res.once("drain", () => {
    exchange.paused = false
    exchange.lastByte = edge.now()
    body.heldUp += exchange.lastByte - body.pausedAt
    exchange.upstream?.socket?.resume()
  })
}

/** The upstream closed. @returns true when that is how this body ends */
export function endOfUpstream(exchange: Exchange): boolean {
  if (exchange.body?.left !== Infinity) return false
  const fault = endBody(exchange)
  if (fault === undefined) finish(exchange, false)
  else refuseAnswer(exchange, fault)
  return true
}

/** The answer is complete: the connection goes back to its pool, unless something speaks against its next use. */
function finish(exchange: Exchange, leftOver: boolean): void {
  const { upstream, body, edge } = exchange
  exchange.phase = "done"
  if (upstream === undefined || body === undefined) return
  const idle = body.idleHint === -1 ? defaultIdleMs : Math.min((body.idleHint - 1) * 1000, longestIdleMs)
  if (leftOver || idle <= 0 || !body.persistent || !exchange.uploadDone || exchange.upgrade !== undefined)
    return dropUpstream(exchange)
  exchange.upstream = undefined
  edge.upstreams.release(upstream, exchange.lastByte + idle)
}
