import { type World, apply, emptyWorld } from "../events/world.ts"
import type { EventStore } from "../platform/event-store.ts"
import { GatehouseError } from "../errors.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { verifyNext } from "../platform/event-chain.ts"

/** Where a replay ends: at a position, or before the first event that was decided after an instant (ISO 8601). */
export type Moment = { readonly position: number } | { readonly at: string }

const pageSize = 1000

/**
 * Folds the log from its first event into a world of its own. The result depends on the log alone: no clock, no effect.
 * @throws GatehouseError `not_found` when the log does not reach the position; ChainError and LogError as the runner does
 */
export async function replay(store: Pick<EventStore, "read">, to: Moment, signal?: AbortSignal): Promise<World> {
  const world = emptyWorld()
  for await (const page of pagesUntil(store, to, signal))
    for (const event of page) {
      verifyNext(world, event)
      apply(world, event)
    }
  if ("position" in to && world.position < to.position)
    throw new GatehouseError("not_found", `the log ends at position ${world.position}`)
  return world
}

async function* pagesUntil(store: Pick<EventStore, "read">, to: Moment, signal?: AbortSignal) {
  const last = "position" in to ? to.position : Number.MAX_SAFE_INTEGER
  const until = "at" in to ? Date.parse(to.at) : undefined
  let position = 0
  const read = (after: number) => store.read(after, Math.min(pageSize, last - after)) as Promise<StoredEvent[]>
  // The store prepares the next page while this one is folded.
  let next = read(0)
  while (position < last) {
    signal?.throwIfAborted()
    const page = await next
    if (page.length === 0) return
    position = page.at(-1)!.position
    if (position < last) next = read(position)
    next.catch(() => undefined)
    const later = until === undefined ? -1 : page.findIndex(({ meta }) => Date.parse(meta.at) > until)
    if (later >= 0) {
      yield page.slice(0, later)
      return
    }
    yield page
  }
}
