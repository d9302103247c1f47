import { type ChunkedState, decodeChunked, startChunked } from "./chunked.ts"
import { type Lender, lender } from "./read-buffers.ts"
import type { BodyFilter, FilterFault } from "./mcp/body-filter.ts"
import { type StreamTail, noteTail } from "./mcp/keep-alive.ts"
import type { Exchange } from "./exchange.ts"
import type { ResponseHead } from "./response-parser.ts"

/** A response body on its way to the client. */
export interface ResponseBody {
  readonly persistent: boolean
  readonly idleHint: number
  /** Length not known before: ends by idleness, not by a total time. */
  readonly stream: boolean
  readonly eventStream: boolean
  /** Bytes still to come; Infinity until the connection closes, NaN for a chunked body. */
  left: number
  readonly chunked: ChunkedState | undefined
  readonly startedAt: number
  /** Time that the client, not the upstream, held the body up; milliseconds. */
  heldUp: number
  pausedAt: number
  /** Of an event stream that comments may be put into. */
  tail: StreamTail | undefined
}

/** @param hasBody false for HEAD, 204 and 304, whatever the head says */
export function responseBody(head: ResponseHead, hasBody: boolean, now: number): ResponseBody {
  const chunked = hasBody && head.end === "chunked" ? startChunked() : undefined
  return {
    persistent: head.persistent && (!hasBody || head.end !== "close"),
    idleHint: head.idleHint,
    stream: hasBody && (head.eventStream || typeof head.end !== "number"),
    eventStream: head.eventStream,
    left: hasBody ? (head.end === "close" ? Infinity : head.end === "chunked" ? Number.NaN : head.end) : 0,
    chunked,
    startedAt: now,
    heldUp: 0,
    pausedAt: 0,
    tail: undefined,
  }
}

/** What came of a piece of a body. `used` is the index behind its last byte. */
export interface Delivered {
  readonly used: number
  readonly state: "more" | "done" | "broken" | FilterFault
  /** False when the client takes no more for now. */
  readonly flowing: boolean
}

// Up to this size a last piece goes out as one text with the head: one write, and no copy of the shared buffer is kept.
const mostAsText = 16_384

/** Hands the part of `bytes` that belongs to the body on to the client, and ends the answer when it was the last. */
export function deliver(exchange: Exchange, body: ResponseBody, bytes: Buffer, from: number, to: number): Delivered {
  const { res, filter } = exchange
  if (filter !== undefined) return deliverFiltered(exchange, filter, body, bytes, from, to)
  let flowing = true
  if (body.chunked !== undefined) {
    const send = senderOf(exchange, bytes)
    const used = decodeChunked(body.chunked, bytes, from, to, (start, end) => {
      if (body.tail !== undefined) noteTail(body.tail, bytes, start, end)
      flowing = send(start, end) && flowing
    })
    if (used === -1) return { used, state: "broken", flowing }
    if (body.chunked.phase !== "done") return { used, state: "more", flowing }
    res.end()
    return { used, state: "done", flowing }
  }
  const used = Math.min(to, from + body.left)
  body.left -= used - from
  if (body.left === 0 && used - from <= mostAsText) {
    exchange.bytes += used - from
    res.end(bytes.toString("latin1", from, used), "latin1")
    return { used, state: "done", flowing }
  }
  if (used > from) flowing = senderOf(exchange, bytes)(from, used)
  if (body.tail !== undefined) noteTail(body.tail, bytes, from, used)
  if (body.left > 0) return { used, state: "more", flowing }
  res.end()
  return { used, state: "done", flowing }
}

/** The same through a filter: what it cannot judge breaks the answer off. */
function deliverFiltered(
  exchange: Exchange,
  filter: BodyFilter,
  body: ResponseBody,
  bytes: Buffer,
  from: number,
  to: number,
): Delivered {
  let flowing = true
  let fault: FilterFault | undefined
  const send = (start: number, end: number) => {
    if (fault !== undefined) return
    const out = filter.push(bytes.subarray(start, end))
    if (typeof out === "string") fault = out
    else {
      if (out.length > 0) flowing = write(exchange, out) && flowing
      if (body.tail !== undefined) noteTail(body.tail, out, 0, out.length)
    }
  }
  let used: number
  if (body.chunked === undefined) {
    used = Math.min(to, from + body.left)
    body.left -= used - from
    send(from, used)
  } else used = decodeChunked(body.chunked, bytes, from, to, send)
  if (fault !== undefined) return { used, state: fault, flowing }
  if (used === -1) return { used, state: "broken", flowing }
  if (body.chunked === undefined ? body.left > 0 : body.chunked.phase !== "done")
    return { used, state: "more", flowing }
  return { used, state: endBody(exchange) ?? "done", flowing }
}

/** Ends an answer whose body is complete. @returns why its filter does not let the rest go */
export function endBody(exchange: Exchange): FilterFault | undefined {
  const { res, filter } = exchange
  const rest = filter?.end()
  if (typeof rest === "string") return rest
  exchange.sendHead?.()
  if (rest !== undefined && rest.length > 0) write(exchange, rest)
  res.end()
  return undefined
}

function write(exchange: Exchange, bytes: Buffer): boolean {
  exchange.bytes += bytes.length
  return exchange.res.write(bytes)
}

function senderOf(exchange: Exchange, bytes: Buffer): Lender {
  const { res, upstream, edge } = exchange
  return lender(bytes, upstream!.reading, edge.upstreams.buffers, (chunk, written) => {
    exchange.bytes += chunk.length
    return res.write(chunk, written)
  })
}
