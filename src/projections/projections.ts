import type { StoredEvent } from "../events/envelope.ts"
import type { World } from "../events/world.ts"

/** Called after events were folded, synchronously and in order; `world` is already at the last of them. */
export type EventListener = (events: readonly StoredEvent[], world: World) => void

/** This node's view of the log. Reads are synchronous and never touch the store. */
export interface Projections {
  /** Everything folded so far. Read it, never change it. */
  readonly world: World
  /** True once the head that was seen at the start is folded. */
  readonly ready: boolean
  /** Subscribes to events folded from now on. @returns ends the subscription */
  listen(listener: EventListener): () => void
  /** Waits until `position` is folded. @returns false when `waitMs` passed first */
  reached(position: number, waitMs: number): Promise<boolean>
}
