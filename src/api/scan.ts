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

/** Events that are read along with wanted ones rather than asking again. */
const widestGap = 100

/**
 * Events at positions in ascending order. Those that stand close together are read together.
 * @throws what reading the log throws
 */
export async function* eventsAt(
  { store }: Pick<Api, "store">,
  positions: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<StoredEvent> {
  for (let at = 0; at < positions.length;) {
    signal.throwIfAborted()
    const first = positions[at]!
    let end = at
    while (
      end + 1 < positions.length &&
      positions[end + 1]! - positions[end]! <= widestGap &&
      positions[end + 1]! - first < pageSize
    )
      end += 1
    const wanted = new Set(positions.slice(at, end + 1))
    for (const event of await eventsIn({ store }, first, positions[end]!)) if (wanted.has(event.position)) yield event
    at = end + 1
  }
}
