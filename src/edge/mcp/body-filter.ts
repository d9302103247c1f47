import { type Hides, filteredText } from "./list-filter.ts"

/** Changes a body on its way to the client. */
export interface BodyFilter {
  /** @returns what can go on; undefined when the body cannot be judged and must not */
  push(bytes: Buffer): Buffer | undefined
  /** The body is complete. @returns the rest, as `push` */
  end(): Buffer | undefined
}

/** A single event or answer above this size is not held to be judged. */
export const mostHeld = 16 * 1024 * 1024
export const none = Buffer.alloc(0)

/** Filter of a JSON body: judged when it is complete. */
export function jsonFilter(hides: Hides): BodyFilter {
  const chunks: Buffer[] = []
  let length = 0
  return {
    push(bytes) {
      length += bytes.length
      if (length > mostHeld) return undefined
      chunks.push(Buffer.from(bytes))
      return none
    },
    end() {
      const body = Buffer.concat(chunks)
      try {
        const text = filteredText(body.toString("utf8"), hides)
        return text === undefined ? body : Buffer.from(text)
      } catch {
        // No JSON, or nested so deeply that it cannot be written again: nobody can say what it shows.
        return undefined
      }
    },
  }
}

/** One filter behind the other. */
export function chained(first: BodyFilter, second: BodyFilter): BodyFilter {
  return {
    push(bytes) {
      const passed = first.push(bytes)
      return passed === undefined ? undefined : second.push(passed)
    },
    end() {
      const rest = first.end()
      const before = rest === undefined ? undefined : second.push(rest)
      const after = before === undefined ? undefined : second.end()
      return before === undefined || after === undefined ? undefined : Buffer.concat([before, after])
    },
  }
}
