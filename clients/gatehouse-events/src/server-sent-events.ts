/** One block of a stream of server-sent events: a message, or an id alone. */
export interface Block {
  readonly id: string | undefined
  readonly data: string | undefined
  /** Milliseconds after which the server wants a lost client back. */
  readonly retry: number | undefined
}

/** Parses a stream (HTML §9.2.6). Comments make no block, but are a sign of life. @param heard called for every chunk */
export async function* blocks(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<Block> {
  const decoder = new TextDecoder()
  let rest = ""
  let lines: string[] = []
  for await (const chunk of body) {
    heard()
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = parts.pop()!
    for (const part of parts) {
      const line = part.replace(/\r$/, "")
      if (line !== "") lines.push(line)
      else {
        if (lines.some((one) => !one.startsWith(":"))) yield block(lines)
        lines = []
      }
    }
  }
}

function block(lines: readonly string[]): Block {
  const values = (name: string) =>
    lines.flatMap((line) => (line.startsWith(`${name}:`) ? [line.slice(name.length + 1).replace(/^ /, "")] : []))
  const data = values("data")
  const retry = Number(values("retry").at(-1))
  return {
    id: values("id").at(-1),
    data: data.length === 0 ? undefined : data.join("\n"),
    retry: Number.isFinite(retry) ? retry : undefined,
  }
}
