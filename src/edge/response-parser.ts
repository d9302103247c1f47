import type { HeaderName } from "./header-names.ts"

/** Limits of a response head, in bytes and fields. */
const mostHeadBytes = 16_384
const mostHeaders = 100

/** How a response body ends (RFC 9112 §6.3): after a length, by the last chunk, or with the connection. */
export type BodyEnd = number | "chunked" | "close"

/** A strictly parsed response head. */
export interface ResponseHead {
  readonly status: number
  /** End-to-end headers: flat name, value, … as received. */
  readonly headers: readonly string[]
  /** For a response with a body; HEAD, 204 and 304 have none whatever it says. */
  readonly end: BodyEnd
  /** May the connection carry another request? */
  readonly persistent: boolean
  /** `Keep-Alive: timeout`, seconds; -1 without a hint. */
  readonly idleHint: number
  /** `text/event-stream`. */
  readonly eventStream: boolean
  /** Is there an `Access-Control-…` field? */
  readonly cors: boolean
  /** Is there an `Mcp-…` field? */
  readonly mcp: boolean
  /** Upgrade value in lower case, for a 101. */
  readonly upgrade: string
}

const bareControl = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/
const statusLine = /^HTTP\/1\.[01] [1-5][0-9]{2}[ \r]/

/** The newest head of a backend, by its text. */
export interface KnownHead {
  readonly text: string
  readonly head: ResponseHead
}

/**
 * Finds the end of a head.
 * @returns index behind the empty line; 0 when it is not there yet; -1 when it can never become a good head
 */
export function headEnd(bytes: Buffer, length: number): number {
  const at = bytes.indexOf("\r\n\r\n", 0, "latin1")
  if (at !== -1 && at + 4 <= length) return at + 4 > mostHeadBytes ? -1 : at + 4
  if (length >= mostHeadBytes) return -1
  const start = bytes.toString("latin1", 0, length)
  const wrong =
    !"HTTP/1.".startsWith(start.slice(0, 7)) || bareControl.test(start.endsWith("\r") ? start.slice(0, -1) : start)
  return wrong ? -1 : 0
}

/**
 * Parses a response head (RFC 9112 §4, §5) and refuses whatever two parsers could read in two ways.
 * @param text everything up to and with the empty line, as latin1
 * @returns undefined for a response that must become a 502
 */
export function parseHead(text: string, lookup: (name: string) => HeaderName): ResponseHead | undefined {
  let lineEnd = endOfLine(text, 0)
  if (lineEnd === -1 || !statusLine.test(text)) return undefined
  const minor = text[7]
  const headers: string[] = []
  let length = -1
  let chunked = false
  let connection = ""
  let idleHint = -1
  let eventStream = false
  let cors = false
  let mcp = false
  let upgrade = ""
  let count = 0
  for (let start = lineEnd + 2; start < text.length - 2; start = lineEnd + 2) {
    lineEnd = endOfLine(text, start)
    const colon = text.indexOf(":", start)
    if (colon === -1 || colon > lineEnd || (count += 1) > mostHeaders) return undefined
    const raw = text.slice(start, colon)
    const name = lookup(raw)
    if (!name.valid) return undefined
    const value = trimmed(text, colon + 1, lineEnd)
    switch (name.kind) {
      case "content-length":
        if (length !== -1 || !/^[0-9]{1,15}$/.test(value)) return undefined
        length = Number(value)
        break
      case "transfer-encoding":
        if (chunked || value.toLowerCase() !== "chunked") return undefined
        chunked = true
        continue
      case "connection":
        connection += `,${value.toLowerCase()}`
        continue
      case "keep-alive":
        idleHint = timeoutHint(value)
        continue
      case "upgrade":
        upgrade = value.toLowerCase()
        continue
      case "content-type":
        eventStream = /^text\/event-stream(?:[;\s]|$)/i.test(value)
        break
      case "mcp":
        mcp = true
        break
      default:
        if (name.hopByHop) continue
        cors ||= name.folded.startsWith("access-control-")
    }
    headers.push(raw, value)
  }
  if (chunked && (length !== -1 || minor === "0")) return undefined
  return {
    status: Number(text.slice(9, 12)),
    headers: connection.length > 11 ? withoutNominated(headers, connection, lookup) : headers,
    end: chunked ? "chunked" : length === -1 ? "close" : length,
    persistent: minor === "1" && !connection.includes("close"),
    idleHint,
    eventStream,
    cors,
    mcp,
    upgrade,
  }
}

/** Index of the CRLF that ends a line; -1 when there is none, or a control character before it. */
function endOfLine(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 13) return text.charCodeAt(at + 1) === 10 ? at : -1
    if ((code < 32 && code !== 9) || code === 127) return -1
  }
  return -1
}

/** Text between two indexes without blanks and tabs at its ends. */
function trimmed(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from += 1
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1
  return text.slice(from, to)
}

const isBlank = (code: number) => code === 32 || code === 9

function timeoutHint(value: string): number {
  const match = /(?:^|[,\s])timeout=([0-9]{1,6})/i.exec(value)
  return match === null ? -1 : Number(match[1])
}

/** A backend may nominate fields of its own; never those that say what the body is or who must sign in. */
function withoutNominated(headers: string[], connection: string, lookup: (name: string) => HeaderName): string[] {
  const names = connection.split(",").map((name) => name.trim())
  const gone = new Set(
    names.filter(
      (name) => lookup(name).kind === "keep" && !/^(?:content-|www-|set-|cache-|vary|etag|location|last-)/.test(name),
    ),
  )
  if (gone.size === 0) return headers
  return headers.filter((_, i) => !gone.has(headers[i - (i % 2)]!.toLowerCase()))
}
