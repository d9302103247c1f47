import { isAscii } from "node:buffer"
import type { StreamEntry } from "./redis-tail.ts"

/** What a connection that is asked for stream entries alone answers. */
export interface ReplyHandler {
  /** One entry of the reply that is just coming in. */
  entry(entry: StreamEntry): void
  /** That reply is whole. */
  end(): void
  /** A reply that is no list, an error for example, as it came. */
  other(line: Buffer): void
}

/** Longest string that is copied; see {@link replyReader}. */
const mostCopied = 256
const [carriageReturn, lineFeed, zero] = [13, 10, 48]
const [list, bulk] = [42, 36] as const
/** Simple string, error, number, null. */
const lines: ReadonlySet<number> = new Set([43, 45, 58, 95])
const nothing = Buffer.alloc(0)

/**
 * Reads replies to XRANGE (RESP, redis.io/docs/reference/protocol-spec) from the bytes of a connection as they come. The client
 * library makes a buffer and then a string of each of the 15 strings of an entry, which costs more than everything else that is
 * done with an event; here a chunk becomes one string, and its parts are views of it. What is short is copied: an id that stays
 * in the state would keep the whole chunk in memory.
 * @returns takes the next chunk; throws Error when it is no such reply
 */
export function replyReader(handler: ReplyHandler): (chunk: Buffer) => void {
  let bytes: Buffer = nothing
  let text = ""
  let ascii = true
  let at = 0
  /** Entries that the present reply still has to bring; -1 between two replies. */
  let left = -1

  /** Number of a line such as `$12`. @returns -1 when the line is not whole yet */
  const count = (type: number): number => {
    let here = at
    if (here >= bytes.length) return -1
    if (bytes[here] !== type) throw new Error(`Redis answered with type ${bytes[here]} where ${type} was due`)
    let number = 0
    for (here += 1; here < bytes.length; here += 1) {
      const byte = bytes[here]!
      if (byte === carriageReturn) break
      if (byte < zero || byte > zero + 9) throw new Error("Redis answered with a length that is no number")
      number = number * 10 + byte - zero
    }
    if (here + 1 >= bytes.length) return -1
    at = here + 2
    return number
  }
  const string = (): string | undefined => {
    const length = count(bulk)
    const end = at + length
    if (length < 0 || end + 2 > bytes.length) return undefined
    if (bytes[end] !== carriageReturn || bytes[end + 1] !== lineFeed)
      throw new Error("Redis answered with a string that does not end where it said")
    const start = at
    at = end + 2
    if (ascii && (length < 13 || length > mostCopied)) return text.slice(start, end)
    return bytes.toString("utf8", start, end)
  }
  const entry = (): StreamEntry | undefined => {
    const parts = count(list)
    if (parts >= 0 && parts !== 2) throw new Error("Redis answered with something else than entries of a stream")
    const id = parts < 0 ? undefined : string()
    const size = id === undefined ? -1 : count(list)
    if (id === undefined || size < 0) return undefined
    const fields: string[] = []
    for (let field = 0; field < size; field += 1) {
      const value = string()
      if (value === undefined) return undefined
      fields.push(value)
    }
    return [id, fields]
  }
  /** @returns false when the rest must be waited for */
  const begin = (): boolean => {
    if (!lines.has(bytes[at]!)) {
      left = count(list)
      return left >= 0
    }
    const end = bytes.indexOf("\r\n", at)
    if (end < 0) return false
    const line = bytes.subarray(at, end + 2)
    at = end + 2
    handler.other(line)
    return true
  }
  return (chunk) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    ascii = isAscii(bytes)
    text = ascii ? bytes.toString("latin1") : ""
    at = 0
    let start = 0
    while (at < bytes.length || left === 0) {
      start = at
      if (left < 0) {
        if (!begin()) break
      } else if (left === 0) {
        left = -1
        handler.end()
      } else {
        const next = entry()
        if (next === undefined) break
        left -= 1
        handler.entry(next)
      }
      start = at
    }
    bytes = start === bytes.length ? nothing : bytes.subarray(start)
    text = ""
  }
}
