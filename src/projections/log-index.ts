import type { EventStore } from "../platform/event-store.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { setImmediate } from "node:timers/promises"

/** Where in the log an object or an actor comes up. */
export interface LogIndex {
  /**
   * Positions of the events about objects of a kind, in order, up to a position.
   * @throws what reading the log throws
   */
  about(kind: string, ids: ReadonlySet<string>, to: number, signal: AbortSignal): Promise<number[]>
  /** The same of the events that an actor caused. */
  by(actor: string, to: number, signal: AbortSignal): Promise<number[]>
}

interface Positions {
  /** Last position that is in it, and its hash. */
  position: number
  hash: string
  readonly objects: Map<string, number[]>
  readonly actors: Map<string, number[]>
}

const pageSize = 1000
/** How long it is kept without a question, milliseconds. A million events take some 20 MB. */
const keptMs = 600_000

/**
 * Index of this node. The first question reads the whole log, the next ones what has come since: nothing is kept for it in the
 * store, and nobody who does not ask pays for it.
 */
export function logIndex(store: Pick<EventStore, "read">): LogIndex {
  let kept: Positions | undefined
  let timer: NodeJS.Timeout | undefined
  let busy: Promise<unknown> = Promise.resolve()

  const upTo = async (to: number, signal: AbortSignal): Promise<Positions> => {
    if (kept !== undefined && !(await isOfThisLog(store, kept))) kept = undefined
    const positions = (kept ??= { position: 0, hash: "", objects: new Map(), actors: new Map() })
    clearTimeout(timer)
    timer = setTimeout(() => (kept = undefined), keptMs).unref()
    while (positions.position < to) {
      signal.throwIfAborted()
      const page = (await store.read(positions.position, pageSize)) as StoredEvent[]
      if (page.length === 0) break
      for (const event of page) add(positions, event)
      await setImmediate()
    }
    return positions
  }
  /** One after the other: two that read the log at once would read it twice. */
  const ask = <T>(to: number, signal: AbortSignal, answer: (positions: Positions) => T): Promise<T> => {
    const result = busy.then(() => upTo(to, signal)).then(answer)
    busy = result.catch(() => undefined)
    return result
  }
  return {
    about: (kind, ids, to, signal) =>
      ask(to, signal, ({ objects }) =>
        [...ids].flatMap((id) => until(objects.get(`${kind}/${id}`), to)).sort((one, other) => one - other),
      ),
    by: (actor, to, signal) => ask(to, signal, ({ actors }) => until(actors.get(actor), to)),
  }
}

function add(positions: Positions, { position, hash, kind, id, meta }: StoredEvent): void {
  push(positions.objects, `${kind}/${id}`, position)
  push(positions.actors, meta.actor.name, position)
  positions.position = position
  positions.hash = hash
}

function push(map: Map<string, number[]>, name: string, position: number): void {
  const known = map.get(name)
  if (known === undefined) map.set(name, [position])
  else known.push(position)
}

function until(positions: readonly number[] = [], to: number): number[] {
  return positions.filter((position) => position <= to)
}

/** A log that was replaced, or restored and went on otherwise, has another event there. */
async function isOfThisLog(store: Pick<EventStore, "read">, { position, hash }: Positions): Promise<boolean> {
  return position === 0 || (await store.read(position - 1, 1))[0]?.hash === hash
}
