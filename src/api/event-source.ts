import type { EventNews, EventSubscription } from "./event-subscriptions.ts"
import type { Answer } from "./endpoint.ts"
import { eventView } from "../projections/views/event.ts"

/** How long a reader may leave what is there for it, and how long a reader that was told to go may take; milliseconds. */
export interface EventSourceTimes {
  readonly stallMs: number
  readonly farewellMs?: number
}

/** Milliseconds after which a client that lost its stream should come back. */
const retryMs = 2000

/**
 * A subscription as server-sent events (HTML §9.2): one message an event, its id the position. Now and then an id without a
 * message says how far the log was looked at, so that a client that comes back does not begin further behind than it must.
 * Nothing is read ahead of the client but one page: a reader that stands still costs no more, and is cut after a time.
 */
export function eventSource(subscription: EventSubscription, { stallMs, farewellMs = 1000 }: EventSourceTimes): Answer {
  const { caller, signal } = subscription
  const encoder = new TextEncoder()
  let stalled: NodeJS.Timeout | undefined
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(`retry: ${retryMs}\nid: ${subscription.position}\n\n`))
      const end = () => {
        clearTimeout(stalled)
        closing(controller)
        // A reader that does not take even the end is cut.
        setTimeout(() => controller.error(signal.reason), farewellMs).unref()
      }
      if (signal.aborted) end()
      else signal.addEventListener("abort", end, { once: true })
    },
    async pull(controller) {
      clearTimeout(stalled)
      const news = await nextOf(subscription)
      if (news === undefined || signal.aborted) return
      controller.enqueue(encoder.encode(message(news, caller.admin)))
      stalled = setTimeout(() => subscription.end("too_slow"), stallMs)
    },
    cancel() {
      clearTimeout(stalled)
      subscription.end("left")
    },
  })
  return {
    stream,
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
  }
}

/** What it cannot go on from ends the subscription: no reader would, and it would count for its token for ever. */
async function nextOf(subscription: EventSubscription): Promise<EventNews | undefined> {
  try {
    return await subscription.next()
  } catch (error) {
    subscription.end("left")
    throw error
  }
}

function closing(controller: ReadableStreamDefaultController): void {
  try {
    controller.close()
  } catch {
    // The reader had cancelled it.
  }
}

function message({ events, position }: EventNews, admin: boolean): string {
  if (events.length === 0) return `id: ${position}\n: \n\n`
  return events.map((event) => `id: ${event.position}\ndata: ${JSON.stringify(eventView(event, admin))}\n\n`).join("")
}
