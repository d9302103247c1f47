import type { Exchange } from "../exchange.ts"

const comment = Buffer.from(":\n\n")

/** Where an event stream stands. */
export interface StreamTail {
  /** Last bytes that went out, latin1. */
  text: string
  /** When a comment was sent last; monotonic milliseconds. */
  commentedAt: number
}

/** Takes note of what went out. */
export function noteTail(tail: StreamTail, bytes: Buffer, start: number, end: number): void {
  const last = bytes.toString("latin1", Math.max(start, end - 4), end)
  tail.text = last.length >= 4 ? last : (tail.text + last).slice(-4)
}

/** Is the stream between two events (HTML, Server-sent events §9.2.6)? */
export function isBetweenEvents({ text }: StreamTail): boolean {
  const line = text.replace(/(?:\r\n|\r|\n)$/, "")
  return text === "" || (line !== text && /[\r\n]$/.test(line))
}

/** Sends a comment on a quiet event stream, between two events alone; it says nothing about the backend's own silence. */
export function keepAlive(exchange: Exchange, now: number): void {
  const { body, res, lastByte, paused, edge } = exchange
  if (body?.tail === undefined || paused || exchange.phase !== "body") return
  const quietMs = edge.config.EDGE_STREAM_KEEPALIVE * 1000
  if (quietMs === 0 || now - Math.max(lastByte, body.tail.commentedAt) < quietMs || !isBetweenEvents(body.tail)) return
  body.tail.commentedAt = now
  exchange.bytes += comment.length
  res.write(comment)
}
