import { EngineError } from "./docker-engine.ts"
import type { Readable } from "node:stream"

const mostLineBytes = 65_536
/** The engine's log driver cuts at 16 KiB; what says more is no log. */
const mostFrameBytes = 2 ** 20

/**
 * Lines out of the engine's log stream: frames of an eight-byte header and text (Engine API, ContainerAttach), or plain text
 * from a container with a terminal.
 */
export async function* containerLines(stream: AsyncIterable<Buffer>, framed: boolean): AsyncGenerator<string> {
  const rest: Record<number, string> = {}
  for await (const [channel, text] of framed ? frames(stream) : plain(stream)) {
    const lines = ((rest[channel] ?? "") + text).split("\n")
    const last = lines.pop()!
    rest[channel] = last.length > mostLineBytes ? "" : last
    if (last.length > mostLineBytes) lines.push(last)
    yield* lines.map((line) => line.replace(/\r$/, ""))
  }
  for (const last of Object.values(rest)) if (last !== "") yield last
}

async function* plain(stream: AsyncIterable<Buffer>): AsyncGenerator<[channel: number, text: string]> {
  const decoder = new TextDecoder()
  for await (const chunk of stream) yield [1, decoder.decode(chunk, { stream: true })]
}

async function* frames(stream: AsyncIterable<Buffer>): AsyncGenerator<[channel: number, text: string]> {
  const decoders: Record<number, InstanceType<typeof TextDecoder>> = {}
  let buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    buffer = Buffer.concat([buffer, chunk])
    while (buffer.length >= 8) {
      const end = 8 + buffer.readUInt32BE(4)
      if (end > mostFrameBytes) throw new EngineError("refused", "logs: the engine's answer is not a log")
      if (buffer.length < end) break
      const channel = buffer[0]!
      const decoder = (decoders[channel] ??= new TextDecoder())
      yield [channel, decoder.decode(buffer.subarray(8, end), { stream: true })]
      buffer = buffer.subarray(end)
    }
  }
}

/** A stream that ends, instead of failing, when `signal` says so. */
export async function* untilAborted(stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const abort = () => stream.destroy()
  signal.addEventListener("abort", abort, { once: true })
  if (signal.aborted) abort()
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    // A container that is removed, or an engine that goes, ends the stream like an end of the log.
    if (!signal.aborted && (error as NodeJS.ErrnoException).code === undefined) throw error
  } finally {
    signal.removeEventListener("abort", abort)
    stream.destroy()
  }
}
