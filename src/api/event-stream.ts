import type { Answer } from "./endpoint.ts"

/**
 * Lines as server-sent events (HTML §9.2), with a comment now and then so that nobody in between takes the silence for an end. Where the
 * lines break off with an error, so does the answer.
 * @param heartbeatMs longest silence, milliseconds
 */
export function eventStream(lines: AsyncIterable<string>, heartbeatMs = 15_000): Answer {
  const iterator = lines[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let timer: NodeJS.Timeout | undefined
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(": begin\n\n"))
      // A reader that stands still gets no sign of life: each would stay in memory.
      const beat = () => (controller.desiredSize ?? 0) > 0 && controller.enqueue(encoder.encode(": \n\n"))
      timer = setInterval(beat, heartbeatMs)
    },
    async pull(controller) {
      try {
        const { done, value } = await iterator.next()
        if (done !== true) return controller.enqueue(encoder.encode(`data: ${value.replaceAll(/[\r\n]/g, " ")}\n\n`))
      } catch (error) {
        clearInterval(timer)
        throw error
      }
      clearInterval(timer)
      controller.close()
    },
    async cancel() {
      clearInterval(timer)
      await iterator.return?.()
    },
  })
  return {
    stream,
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
  }
}
