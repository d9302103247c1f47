/** Where a chunked body stands (RFC 9112 §7.1). */
export interface ChunkedState {
  phase: "size" | "data" | "data-end" | "trailer" | "done"
  /** Bytes of the current chunk still to come. */
  left: number
  /** The current line as far as it has come. */
  line: string
  /** Bytes of trailers, which are dropped. */
  trailerBytes: number
}

const mostLineBytes = 4096
const mostTrailerBytes = 8192
const sizeLine = /^([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/
const trailerLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/

/** A body of which nothing has come. */
export function startChunked(): ChunkedState {
  return { phase: "size", left: 0, line: "", trailerBytes: 0 }
}

/**
 * Takes the framing off a piece of a chunked body. Extensions and trailers are dropped.
 * @param data receives each stretch of content as indexes into `bytes`
 * @returns index behind the last byte that belongs to the body, or -1 when the framing is broken
 */
export function decodeChunked(
  state: ChunkedState,
  bytes: Buffer,
  from: number,
  to: number,
  data: (start: number, end: number) => void,
): number {
  let at = from
  while (at < to && state.phase !== "done") {
    if (state.phase === "data") {
      const end = Math.min(to, at + state.left)
      data(at, end)
      state.left -= end - at
      at = end
      if (state.left === 0) state.phase = "data-end"
      continue
    }
    const newline = bytes.indexOf(10, at)
    const end = newline === -1 || newline >= to ? to : newline + 1
    state.line += bytes.toString("latin1", at, end)
    at = end
    if (state.line.length > mostLineBytes) return -1
    if (newline === -1 || newline >= to) return at
    if (!state.line.endsWith("\r\n") || !endLine(state, state.line.slice(0, -2))) return -1
    state.line = ""
  }
  return at
}

/** @returns false when the line may not stand here */
function endLine(state: ChunkedState, line: string): boolean {
  switch (state.phase) {
    case "size": {
      const match = sizeLine.exec(line)
      if (match === null) return false
      state.left = Number.parseInt(match[1]!, 16)
      state.phase = state.left === 0 ? "trailer" : "data"
      return true
    }
    case "data-end":
      state.phase = "size"
      return line === ""
    case "trailer":
      state.trailerBytes += line.length
      if (line === "") state.phase = "done"
      return line === "" || (state.trailerBytes <= mostTrailerBytes && trailerLine.test(line))
    default:
      return false
  }
}
