import { type BodyFilter, mostHeld, none } from "./body-filter.ts"
import { type Hides, filteredText } from "./list-filter.ts"
import type { Hold } from "./held-bytes.ts"
import { eventParts, linesOf } from "./event-data.ts"

/** Filter of an event stream: each event goes on when it is whole (HTML, Server-sent events §9.2.6). */
export function eventFilter(hides: Hides, hold: Hold): BodyFilter {
  let held: Buffer[] = []
  let length = 0
  let lineIsEmpty = true
  let afterReturn = false

  /** @returns index behind the blank line that ends an event, or -1 */
  function endOfEvent(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at += 1) {
      const byte = bytes[at]!
      const second = afterReturn && byte === 10
      afterReturn = byte === 13
      if (second) continue
      if (byte !== 10 && byte !== 13) lineIsEmpty = false
      else if (lineIsEmpty) {
        // The second half of this line end goes with it, if it is here already.
        if (!afterReturn || bytes[at + 1] !== 10) return at + 1
        afterReturn = false
        return at + 2
      } else lineIsEmpty = true
    }
    return -1
  }

  return {
    whole: false,
    push(bytes) {
      const out: Buffer[] = []
      let start = 0
      if (afterReturn && held.length === 0 && bytes[0] === 10) {
        // Second half of the line end that ended the last event.
        out.push(Buffer.from("\n"))
        start = 1
        afterReturn = false
      }
      for (let end = endOfEvent(bytes, start); end !== -1; end = endOfEvent(bytes, end)) {
        const event = filteredEvent(Buffer.concat([...held, bytes.subarray(start, end)]), hides)
        if (event === undefined) return "mcp_answer_unreadable"
        out.push(event)
        held = []
        length = 0
        hold.drop()
        start = end
      }
      length += bytes.length - start
      if (length > mostHeld) return "mcp_answer_too_large"
      if (start < bytes.length) {
        if (!hold.take(bytes.length - start)) return "mcp_answers_overloaded"
        held.push(Buffer.from(bytes.subarray(start)))
      }
      return out.length === 1 ? out[0]! : Buffer.concat(out)
    },
    // An event without its blank line is no event.
    end: () => none,
  }
}

/** @returns undefined for an event that names a list but cannot be read: some client may read it */
function filteredEvent(event: Buffer, hides: Hides): Buffer | undefined {
  const { data, others } = eventParts(linesOf(event.toString("utf8")))
  if (data === undefined) return event
  let text: string | undefined
  try {
    text = filteredText(data, hides)
  } catch {
    return undefined
  }
  if (text === undefined) return event
  return Buffer.from([...others, `data: ${text}`, "", ""].join("\n"))
}
