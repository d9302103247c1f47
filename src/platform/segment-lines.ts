import { setImmediate } from "node:timers/promises"

/** A run of lines, each a JSON value. */
export interface Lines<T> {
  readonly length: number
  /** As of an array; parses what is asked for. */
  slice(from?: number, to?: number): T[]
  /** Index of the first line that `holds` is true of, when it is false of all before and true of all after; `length` for none. */
  firstThat(holds: (value: T) => boolean): number
}

/** Lines of a text. */
export interface TextLines {
  readonly length: number
  part<T>(from: number, length: number): Lines<T>
}

/** Lines that are looked at without a pause: some milliseconds. */
const atOnce = 1000
const newline = 10

/** Values as a text of one JSON value a line, made in slices: others are served meanwhile. */
export async function textOf(values: readonly unknown[]): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let at = 0; at < values.length; at += atOnce) {
    const lines = values.slice(at, at + atOnce).map((value) => `${JSON.stringify(value)}\n`)
    parts.push(Buffer.from(lines.join("")))
    await setImmediate()
  }
  return Buffer.concat(parts)
}

/** Finds the lines of a text, in slices, and parses none of them. */
export async function linesOf(text: Buffer): Promise<TextLines> {
  const ends: number[] = []
  for (let end = text.indexOf(newline); end !== -1; end = text.indexOf(newline, end + 1)) {
    ends.push(end)
    if (ends.length % (10 * atOnce) === 0) await setImmediate()
  }
  const start = (line: number) => (line === 0 ? 0 : ends[line - 1]! + 1)
  return {
    length: ends.length,
    part<T>(first: number, length: number): Lines<T> {
      const at = (index: number) => JSON.parse(text.toString("utf8", start(first + index), ends[first + index])) as T
      return {
        length,
        slice(from = 0, to = length) {
          const values: T[] = []
          for (let index = Math.max(from, 0); index < Math.min(to, length); index += 1) values.push(at(index))
          return values
        },
        firstThat(holds) {
          let [low, high] = [0, length]
          while (low < high) {
            const middle = (low + high) >>> 1
            if (holds(at(middle))) high = middle
            else low = middle + 1
          }
          return low
        },
      }
    },
  }
}
