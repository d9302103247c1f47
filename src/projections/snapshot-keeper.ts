import { type Logger, reason } from "../platform/log.ts"
import type { EventStore } from "../platform/event-store.ts"
import { type SnapshotFile, snapshotName } from "./snapshot.ts"

/** Saves snapshots when they are due, one at a time. */
export interface SnapshotKeeper {
  /** Events were folded. */
  folded(events: number): void
  /** Ends. @param save what is not saved yet */
  stop(save: boolean): Promise<void>
}

/** Shortest time between two local snapshots, milliseconds. */
const shortestPause = 5_000
/** A local snapshot may take this part of the time. */
const share = 200

/**
 * Keeper of snapshots: in the store every `every` events and at the end; on disk also a moment after each change, because the
 * node's own memory of the log's end is what shows that the log was rolled back.
 */
export function snapshotKeeper(
  encode: () => string,
  file: SnapshotFile,
  store: EventStore,
  every: number,
  log: Logger,
): SnapshotKeeper {
  let unsaved = 0
  let unstored = 0
  let pause = shortestPause
  let savedAt = -shortestPause
  let timer: NodeJS.Timeout | undefined
  let saving = Promise.resolve()

  const save = (toStore: boolean) => {
    clearTimeout(timer)
    timer = undefined
    const begin = performance.now()
    const text = encode()
    savedAt = performance.now()
    pause = Math.max(shortestPause, share * (savedAt - begin))
    unsaved = 0
    if (toStore) unstored = 0
    const keep = async (where: string, call: () => Promise<void>) => {
      try {
        await call()
      } catch (error) {
        log.warning("snapshot_failed", { where, error: reason(error) })
      }
    }
    saving = saving.then(async () => {
      await keep("disk", () => file.save(text))
      if (toStore) await keep("store", () => store.saveSnapshot(snapshotName, text))
    })
  }
  return {
    folded(events) {
      unsaved += events
      unstored += events
      if (unstored >= every && performance.now() - savedAt >= pause) save(true)
      else timer ??= setTimeout(() => save(unstored >= every), pause).unref()
    },
    async stop(wanted) {
      if (wanted && (unsaved > 0 || unstored > 0)) save(unstored > 0)
      clearTimeout(timer)
      await saving
    },
  }
}
