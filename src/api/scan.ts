import type { Api } from "./endpoint.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { setImmediate } from "node:timers/promises"

/** Positions of one page. */
const pageSize = 1000

/**
 * Every event from one position to another, in order, page by page: whoever else uses the node is served in between.
 * @throws what reading the log throws
 */
export async function* eventsBetween(
  { store }: Pick<Api, "store">,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<StoredEvent> {
  for (let position = from - 1; position < to;) {
    signal.throwIfAborted()
    const page = (await store.read(position, Math.min(pageSize, to - position))) as StoredEvent[]
    if (page.length === 0) return
    yield* page
    position = page.at(-1)!.position
    await setImmediate()
  }
}

/**
 * Events from one position to another at once. One read ends where a segment of the archive does: it takes as many as there are.
 * @throws what reading the log throws
 */
export async function eventsIn({ store }: Pick<Api, "store">, from: number, to: number): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for (let position = from - 1; position < to;) {
    const page = (await store.read(position, to - position)) as StoredEvent[]
    if (page.length === 0) break
    events.push(...page)
    position = page.at(-1)!.position
  }
  return events
}
