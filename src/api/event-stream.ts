import type { Answer } from "./endpoint.ts"
import { GatehouseError } from "../errors.ts"

/** A message; with an id, so that a client that comes back says how far it was, also where there was nothing to say. */
export type StreamLine = string | { readonly id: number; readonly data?: string }

/**
 * Lines as server-sent events (HTML §9.2), with a comment now and then so that nobody in between takes the silence for an end. Where the
 * lines break off with an error, so does the answer.
 * @param heartbeatMs longest silence, milliseconds
 */
export function eventStream(lines: AsyncIterable<StreamLine>, heartbeatMs = 15_000): Answer {
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
        if (done !== true) return controller.enqueue(encoder.encode(message(value)))
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

function message(line: StreamLine): string {
  if (typeof line === "string") return `${dataField(line)}\n\n`
  return `id: ${line.id}\n${line.data === undefined ? ": " : dataField(line.data)}\n\n`
}

function dataField(text: string): string {
  return `data: ${text.replaceAll(/[\r\n]/g, " ")}`
}

/**
 * How far a client has seen a stream whose ids are whole numbers; undefined for one that begins now. A client that comes back by
 * itself repeats its address: what it has seen wins.
 * @param lastEventId header `Last-Event-ID`
 * @param from first number that was asked for
 * @throws GatehouseError `validation_failed`
 */
export function seenBy(lastEventId: string | undefined, from: number | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === "") return from === undefined ? undefined : from - 1
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId)
  const errors = [{ path: "Last-Event-ID", message: "must be a position" }]
  throw new GatehouseError("validation_failed", "Last-Event-ID: must be a position", { errors })
}
