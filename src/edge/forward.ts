import type { Exchange } from "./exchange.ts"
import type { UpstreamConnection, UpstreamEvents } from "./upstream-pool.ts"
import type { UpstreamPlan } from "./upstream-plan.ts"
import type { Verdict } from "./guard.ts"
import { reason } from "../platform/log.ts"
import { dropUpstream, fail } from "./abandon.ts"
import { endOfUpstream, onUpstreamBytes } from "./upstream-response.ts"
import { forwardedLines, headerLines } from "./headers.ts"
import { forwardedLinesFor } from "./client-connections.ts"
import { endSplice, isSpliced, spliceBytes, spliceDrain } from "./splice.ts"
import { refuse } from "./answer.ts"

type Pass = Extract<Verdict, { pass: true }>

const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])

/** Sends a request that passed the guard on to its backend. Everything from here on happens in socket callbacks. */
export function forward(exchange: Exchange, plan: UpstreamPlan, verdict: Pass): void {
  const { edge, scan } = exchange
  const most = edge.config.EDGE_MAX_BODY_BYTES
  if (most > 0 && Number(scan.contentLength) > most) return refuse(exchange, "payload_too_large")
  const ours = verdict.headers.length === 0 ? "" : linesOf(verdict)
  if (ours === undefined || plan.customLines === undefined)
    return refuse(exchange, "bad_gateway", [], "A header for the backend cannot be represented.")
  exchange.plan = plan
  exchange.head = requestHead(exchange, plan, verdict.protected, plan.customLines + ours)
  exchange.uploading =
    exchange.held === undefined && (scan.chunked || (scan.contentLength !== "" && Number(scan.contentLength) > 0))
  exchange.uploadDone = !exchange.uploading
  exchange.lastByte = edge.now()
  const connection = edge.upstreams.take(plan.pool, exchange, exchange.lastByte)
  if (connection === undefined) dial(exchange, plan)
  else {
    exchange.upstream = connection
    begin(exchange, connection)
  }
}

const identityLines = new WeakMap<Pass, { readonly lines: string | undefined }>()

/** A verdict is the same value for each request with the same token: its headers become text once. */
function linesOf(verdict: Pass): string | undefined {
  const known = identityLines.get(verdict)
  if (known !== undefined) return known.lines
  const lines = headerLines(verdict.headers)
  identityLines.set(verdict, { lines })
  return lines
}

function dial(exchange: Exchange, plan: UpstreamPlan): void {
  const { edge } = exchange
  exchange.phase = "connecting"
  exchange.deadline = edge.now() + edge.config.PROXY_CONNECT_TIMEOUT * 1000
  exchange.upstream = edge.upstreams.dial(plan.pool, exchange)
}

/** Request line and headers in the order Host, client's, forwarding, proxy's and identity, framing. */
function requestHead(exchange: Exchange, plan: UpstreamPlan, protect: boolean, ours: string): string {
  const { client, edge, scan, query, address } = exchange
  const kept = forwardedLines(exchange.rawHeaders, edge.judged, scan.connection, plan, protect)
  const origin =
    address === client.peer
      ? client.forwardedLines
      : forwardedLinesFor(address, client.secure, client.secure ? edge.config.publicHttpsPort : edge.config.HTTP_PORT)
  const framing = scan.chunked
    ? "Transfer-Encoding: chunked\r\n"
    : scan.contentLength === ""
      ? ""
      : `Content-Length: ${scan.contentLength}\r\n`
  const target = plan.target.base + exchange.path + (query === "" ? "" : `?${query}`)
  return (
    `${exchange.method} ${target} HTTP/1.1\r\nHost: ${plan.host ?? exchange.authority}\r\n${kept}${origin}` +
    `X-Forwarded-Host: ${exchange.authority}\r\n${ours}${framing}` +
    (exchange.upgrade === undefined ? "\r\n" : "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
  )
}

/** Begins the request, at `exchange.lastByte`. */
function begin(exchange: Exchange, connection: UpstreamConnection<Exchange>): void {
  const { edge } = exchange
  exchange.phase = "waiting"
  exchange.deadline = exchange.lastByte + edge.config.PROXY_REQUEST_TIMEOUT * 1000
  if (exchange.held !== undefined) sendHeld(exchange, connection, exchange.held)
  else if (exchange.uploading && !exchange.uploadDone) upload(exchange, connection)
  else connection.socket!.write(exchange.head, "latin1")
}

/** Head and body leave in one write. */
function sendHeld(exchange: Exchange, { socket }: UpstreamConnection<Exchange>, body: Buffer): void {
  socket!.cork()
  socket!.write(exchange.head, "latin1")
  socket!.write(body)
  socket!.uncork()
  exchange.held = undefined
  exchange.edge.mcp.release(exchange)
}

/** Streams the request body. The head waits for the first piece, so that both leave in one write. */
function upload(exchange: Exchange, connection: UpstreamConnection<Exchange>): void {
  const { req, res, scan, edge } = exchange
  const socket = connection.socket!
  const most = edge.config.EDGE_MAX_BODY_BYTES
  let headSent = false
  const sendHead = () => {
    if (headSent || exchange.upstream !== connection) return
    headSent = true
    socket.write(exchange.head, "latin1")
  }
  if (scan.expect === "100-continue" && req.httpVersion === "1.1") res.writeContinue()
  setImmediate(sendHead)
  req.on("data", (chunk: Buffer) => {
    // Whatever still comes after the answer is dropped.
    if (exchange.upstream !== connection) return
    exchange.received += chunk.length
    exchange.lastByte = edge.now()
    // The answer's time runs from the last of the request: a long upload is bounded by its least rate.
    exchange.deadline = exchange.lastByte + edge.config.PROXY_REQUEST_TIMEOUT * 1000
    if (most > 0 && exchange.received > most) return fail(exchange, "payload_too_large")
    socket.cork()
    sendHead()
    if (scan.chunked) socket.write(`${chunk.length.toString(16)}\r\n`, "latin1")
    let flowing = socket.write(chunk)
    if (scan.chunked) flowing = socket.write("\r\n", "latin1")
    socket.uncork()
    if (!flowing) req.pause()
  })
  req.on("end", () => {
    if (exchange.upstream !== connection) return
    exchange.uploadDone = true
    socket.cork()
    sendHead()
    if (scan.chunked) socket.write("0\r\n\r\n", "latin1")
    socket.uncork()
  })
}

/** May the request be sent again on a new connection? Only if this one was used before and nothing came of it (§1.8). */
function mayRetry(exchange: Exchange): boolean {
  const { upstream, plan } = exchange
  return (
    exchange.phase === "waiting" &&
    !exchange.retried &&
    plan !== undefined &&
    !plan.pool.closed &&
    upstream !== undefined &&
    upstream.uses > 1 &&
    exchange.partial === undefined &&
    exchange.interim === 0 &&
    exchange.received === 0 &&
    exchange.uploadDone &&
    idempotent.has(exchange.method)
  )
}

function lost(exchange: Exchange, error: Error | undefined): void {
  if (exchange.upstream === undefined) return
  if (isSpliced(exchange)) return endSplice(exchange)
  if (mayRetry(exchange) && exchange.plan !== undefined) {
    dropUpstream(exchange)
    exchange.retried = true
    return dial(exchange, exchange.plan)
  }
  if (exchange.phase === "body") {
    if (error === undefined && endOfUpstream(exchange)) return
    return fail(exchange, "bad_gateway", "upstream_truncated")
  }
  fail(exchange, "bad_gateway", exchange.phase === "connecting" ? reasonOf(error) : "upstream_closed")
}

const reasonOf = (error: Error | undefined) =>
  error?.name === "ForbiddenAddress" ? "upstream_forbidden" : "upstream_unreachable"

/** How exchanges take what happens on their upstream connection. */
export const upstreamEvents: UpstreamEvents<Exchange> = {
  ready(exchange, connection) {
    exchange.lastByte = exchange.edge.now()
    begin(exchange, connection)
  },
  data(exchange, bytes, length) {
    const { edge } = exchange
    exchange.lastByte = edge.now()
    try {
      return isSpliced(exchange) ? spliceBytes(exchange, bytes, length) : onUpstreamBytes(exchange, bytes, length)
    } catch (error) {
      // Nothing that a backend sends may end the process.
      edge.log.error("answer_failed", {
        host: exchange.hostname,
        request_id: exchange.requestId,
        reason: reason(error),
      })
      fail(exchange, "bad_gateway", "edge_fault")
      return false
    }
  },
  end: (exchange) => lost(exchange, undefined),
  drain(exchange) {
    if (isSpliced(exchange)) spliceDrain(exchange)
    else exchange.req.resume()
  },
  closed: lost,
}
