import { type Moment, replay } from "./replay.ts"
import type { EventStore } from "../platform/event-store.ts"
import type { World } from "../events/world.ts"

/** States that the log led to earlier. Read them, never change them. */
export interface Past {
  /** @throws what {@link replay} throws */
  at(moment: Moment, signal: AbortSignal): Promise<World>
}

/** How long a replayed world is kept, for the further pages of what is shown of it; milliseconds. */
const keptMs = 60_000

/** Replays one after the other, so that callers cannot make a node fold the log many times at once; keeps the last world. */
export function past(store: Pick<EventStore, "read" | "head">): Past {
  let kept: { readonly key: string; readonly world: World } | undefined
  let timer: NodeJS.Timeout | undefined
  let busy: Promise<unknown> = Promise.resolve()

  const world = async (moment: Moment, signal: AbortSignal): Promise<World> => {
    const key = JSON.stringify(moment)
    if (kept?.key === key) return kept.world
    const replayed = await replay(store, moment, signal)
    // What ends at the end of the log may go on.
    const settled = "position" in moment || replayed.position < (await store.head()).position
    if (settled) {
      kept = { key, world: replayed }
      clearTimeout(timer)
      timer = setTimeout(() => (kept = undefined), keptMs).unref()
    }
    return replayed
  }
  return {
    at(moment, signal) {
      const result = busy.then(() => world(moment, signal))
      busy = result.catch(() => undefined)
      return result
    },
  }
}
