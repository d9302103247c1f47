import type { CommandRecord, Delivery } from "./event-store.ts"
import { parseCommand } from "./command-record.ts"

/** Commands in memory that wait for their decision. */
export interface MemoryQueue {
  add(command: CommandRecord): void
  /** Those that were delivered and not decided come first, again. */
  deliver(limit: number): Delivery[]
  /** A decision of a delivery begins. */
  begin(entry: string, attempts: number): void
  /** @param entry of a delivery; any other changes nothing */
  decided(entry: string | undefined): void
  readonly empty: boolean
}

interface Queued {
  readonly entry: string
  readonly raw: string
  /** Decisions that were begun; the first delivery counts as one. */
  begun: number
}

/** An empty queue. */
export function memoryQueue(): MemoryQueue {
  const waiting: Queued[] = []
  const undecided = new Map<string, Queued>()
  let received = 0
  return {
    add(command) {
      waiting.push({ entry: `${++received}-0`, raw: JSON.stringify(command), begun: 0 })
    },
    deliver(limit) {
      const old = [...undecided.values()].slice(0, limit)
      const batch = old.length > 0 ? old : waiting.splice(0, limit)
      return batch.map((one) => {
        const attempts = one.begun + 1
        one.begun ||= 1
        undecided.set(one.entry, one)
        return { entry: one.entry, attempts, raw: one.raw, command: parseCommand(one.raw) }
      })
    },
    begin(entry, attempts) {
      const one = undecided.get(entry)
      if (one !== undefined) one.begun = attempts
    },
    decided: (entry) => void undecided.delete(entry ?? ""),
    get empty() {
      return waiting.length === 0 && undecided.size === 0
    },
  }
}
