/** One event of a stream, taken apart (HTML, Server-sent events §9.2.6). */
export interface EventParts {
  /** The data lines joined; undefined for an event without any. */
  readonly data: string | undefined
  /** All other lines, without the empty ones. */
  readonly others: readonly string[]
}

/** Takes the lines of one event apart, in time proportional to their number. */
export function eventParts(lines: readonly string[]): EventParts {
  const data: string[] = []
  const others: string[] = []
  for (const line of lines)
    if (line === "data" || line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""))
    else if (line !== "") others.push(line)
  return { data: data.length === 0 ? undefined : data.join("\n"), others }
}

/** Lines of a text, whichever of the three line ends stand between them. */
export function linesOf(text: string): string[] {
  return text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/)
}

/** Data of every whole event of a stream; one that no blank line ends is none. */
export function* dataOf(stream: string): Generator<string> {
  let event: string[] = []
  for (const line of linesOf(stream)) {
    if (line !== "") {
      event.push(line)
      continue
    }
    const { data } = eventParts(event)
    if (data !== undefined) yield data
    event = []
  }
}
