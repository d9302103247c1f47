import { type Hides, filteredText } from "./list-filter.ts"
import type { Hold } from "./held-bytes.ts"

/** Why an answer cannot go through: the reason in the access log. */
export type FilterFault = "mcp_answer_unreadable" | "mcp_answer_too_large" | "mcp_answers_overloaded"

/** Changes a body on its way to the client. */
export interface BodyFilter {
  /** Nothing goes on before the end: until then the answer may become another. */
  readonly whole: boolean
  /** @returns what can go on, or why the body must not */
  push(bytes: Buffer): Buffer | FilterFault
  /** The body is complete. @returns the rest, as `push` */
  end(): Buffer | FilterFault
}

/** A single event or answer above this size is not held to be judged. */
export const mostHeld = 16 * 1024 * 1024
export const none = Buffer.alloc(0)

/** Filter of a JSON body: judged when it is complete. */
export function jsonFilter(hides: Hides, hold: Hold): BodyFilter {
  const chunks: Buffer[] = []
  let length = 0
  return {
    whole: true,
    push(bytes) {
      length += bytes.length
      if (length > mostHeld) return "mcp_answer_too_large"
      if (!hold.take(bytes.length)) return "mcp_answers_overloaded"
      chunks.push(Buffer.from(bytes))
      return none
    },
    end() {
      const body = Buffer.concat(chunks)
      // From here on it is an answer like any other: a client that does not read it takes nobody's room.
      hold.drop()
      try {
        const text = filteredText(body.toString("utf8"), hides)
        return text === undefined ? body : Buffer.from(text)
      } catch {
        // No JSON, or nested so deeply that it cannot be written again: nobody can say what it shows.
        return "mcp_answer_unreadable"
      }
    },
  }
}

/** One filter behind the other. */
export function chained(first: BodyFilter, second: BodyFilter): BodyFilter {
  return {
    whole: second.whole,
    push(bytes) {
      const passed = first.push(bytes)
      return typeof passed === "string" ? passed : second.push(passed)
    },
    end() {
      const rest = first.end()
      const before = typeof rest === "string" ? rest : second.push(rest)
      if (typeof before === "string") return before
      const after = second.end()
      return typeof after === "string" ? after : Buffer.concat([before, after])
    },
  }
}
