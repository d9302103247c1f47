import { type World, apply, emptyWorld } from "../events/world.ts"
import { type Logger, reason } from "../platform/log.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import type { EventListener } from "./projections.ts"
import type { EventRecord } from "../platform/event-store.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { renewals } from "./rebuild.ts"
import { restore } from "./snapshot.ts"
import { verifyNext } from "../platform/event-chain.ts"

/** The world of a node, and whoever listens to it. */
export interface LiveWorld {
  readonly world: World
  /** Begins with a world that was folded before: nobody has seen another. */
  start(folded: World): void
  /** Folds what is new among events. @throws ChainError, LogError; what came before the bad one is folded */
  fold(records: readonly EventRecord[]): void
  /** Puts another world in the place of this one; whoever listens hears of every object that differs. */
  replace(next: World): void
  listen(listener: EventListener): () => void
}

/** What a live world is made with. */
export interface LiveWorldParts {
  readonly log: Logger
  readonly crash: CrashPoint
  /** The world has changed, and every listener was told. @param events how many they were told */
  readonly moved: (events: number) => void
}

/** The world before the first event, until it is started or folded. */
export function liveWorld({ log, crash, moved }: LiveWorldParts): LiveWorld {
  const world = emptyWorld()
  const listeners = new Set<EventListener>()

  function tell(events: readonly StoredEvent[]): void {
    for (const listener of listeners) {
      try {
        listener(events, world)
      } catch (error) {
        log.error("listener_failed", { position: world.position, error: reason(error) })
      }
    }
    moved(events.length)
  }

  return {
    world,
    start(folded) {
      restore(world, folded)
      moved(0)
    },
    fold(records) {
      const folded: StoredEvent[] = []
      try {
        for (const record of records) {
          if (record.position <= world.position) continue
          crash("projection.beforeApply")
          if (record.position === world.position + 1) verifyNext(world, record)
          apply(world, record as StoredEvent)
          crash("projection.afterApply")
          folded.push(record as StoredEvent)
        }
      } finally {
        if (folded.length > 0) tell(folded)
      }
    },
    replace(next) {
      const changed = renewals(world, next)
      restore(world, next)
      if (changed.length > 0) tell(changed)
      else moved(0)
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
