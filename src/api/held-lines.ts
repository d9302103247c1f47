import type { SubscriptionPlace } from "./event-subscriptions.ts"

/** Lines of an answer without an end: their place among the caller's subscriptions ends with them, whoever ends them. */
export function heldLines<T>(place: SubscriptionPlace, lines: AsyncIterable<T>): AsyncIterable<T> {
  const inner = lines[Symbol.asyncIterator]()
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        try {
          const next = await inner.next()
          if (next.done === true) place.end("left")
          return next
        } catch (error) {
          place.end("left")
          throw error
        }
      },
      // Also before the first line, and while one is waited for.
      async return() {
        place.end("left")
        await inner.return?.()
        return { done: true, value: undefined }
      },
    }),
  }
}
