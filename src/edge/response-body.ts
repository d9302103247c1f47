import { type ChunkedState, decodeChunked, startChunked } from "./chunked.ts"
import { type Lender, lender } from "./read-buffers.ts"
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
  }
}

/** What came of a piece of a body. `used` is the index behind its last byte. */
export interface Delivered {
  readonly used: number
  readonly state: "more" | "done" | "broken"
  /** False when the client takes no more for now. */
  readonly flowing: boolean
}

// Up to this size a last piece goes out as one text with the head: one write, and no copy of the shared buffer is kept.
const mostAsText = 16_384

/** Hands the part of `bytes` that belongs to the body on to the client, and ends the answer when it was the last. */
export function deliver(exchange: Exchange, body: ResponseBody, bytes: Buffer, from: number, to: number): Delivered {
  const { res } = exchange
  let flowing = true
  if (body.chunked !== undefined) {
    const send = senderOf(exchange, bytes)
    const used = decodeChunked(body.chunked, bytes, from, to, (start, end) => {
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
  if (body.left > 0) return { used, state: "more", flowing }
  res.end()
  return { used, state: "done", flowing }
}

function senderOf(exchange: Exchange, bytes: Buffer): Lender {
  const { res, upstream, edge } = exchange
  return lender(bytes, upstream!.reading, edge.upstreams.buffers, (chunk, written) => {
    exchange.bytes += chunk.length
    return res.write(chunk, written)
  })
}
