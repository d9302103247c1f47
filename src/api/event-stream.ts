import type { Answer } from "./endpoint.ts"

const heartbeatMs = 15_000

/** Lines as server-sent events (HTML §9.2), with a comment now and then so that nobody in between takes the silence for an end. */
export function eventStream(lines: AsyncIterable<string>): Answer {
  const iterator = lines[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let timer: NodeJS.Timeout | undefined
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(": begin\n\n"))
      timer = setInterval(() => controller.enqueue(encoder.encode(": \n\n")), heartbeatMs)
    },
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done !== true) return controller.enqueue(encoder.encode(`data: ${value.replaceAll(/[\r\n]/g, " ")}\n\n`))
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
