import type { EventStore } from "../platform/event-store.ts"
import { GatehouseError } from "../errors.ts"
import type { Projections } from "./projections.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { isRenewal } from "./rebuild.ts"

/** The log in order from any position, for readers of any speed: each asks for the next events when it has room for them. */
export interface EventFeed {
  /**
   * Events after a position, in order and without a gap; none beyond what this node has folded. Waits for the first of them.
   * @returns an empty list when `waitMs` passed or `signal` was aborted first
   * @throws GatehouseError `position_archived` when log and archive begin later; `archive_unavailable`, `store_unavailable`
   */
  next(after: number, waitMs: number, signal: AbortSignal): Promise<readonly StoredEvent[]>
  close(): void
}

/** Newest events that stand in memory, so that those who follow the head cost the store nothing. */
const mostRecent = 1000
/** Events that a reader gets at once. */
const pageSize = 100

/** Feed of this node. It keeps nothing for a reader: one that never asks again costs nothing. */
export function eventFeed(projections: Projections, store: Pick<EventStore, "read">): EventFeed {
  let recent: StoredEvent[] = []
  const waiting = new Set<() => void>()
  const stop = projections.listen((events) => {
    // A world that was replaced is told of as if its objects had changed: no events of the log, and there may be a gap before them.
    if (events.some(isRenewal)) recent = []
    else recent.push(...events)
    if (recent.length > 2 * mostRecent) recent = recent.slice(-mostRecent)
    for (const wake of waiting) wake()
  })

  const beyond = (after: number, waitMs: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve()
      const settle = () => {
        clearTimeout(timer)
        waiting.delete(wake)
        signal.removeEventListener("abort", settle)
        resolve()
      }
      const wake = () => {
        if (projections.world.position > after) settle()
      }
      const timer = setTimeout(settle, waitMs)
      waiting.add(wake)
      signal.addEventListener("abort", settle, { once: true })
    })

  return {
    async next(after, waitMs, signal) {
      if (projections.world.position <= after) await beyond(after, waitMs, signal)
      const head = projections.world.position
      if (signal.aborted || head <= after) return []
      const first = recent[0]?.position ?? Number.POSITIVE_INFINITY
      if (after + 1 >= first) return recent.slice(after + 1 - first, after + 1 - first + pageSize)
      const page = (await store.read(after, Math.min(pageSize, head - after))) as StoredEvent[]
      if (page[0]?.position !== after + 1)
        throw new GatehouseError("position_archived", `the log begins after position ${after + 1}`)
      return page
    },
    close: stop,
  }
}
