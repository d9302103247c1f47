import type { CommandRecord, Delivery } from "./event-store.ts"
import { parseCommand } from "./command-record.ts"

/** Commands in memory that wait for their decision. */
export interface MemoryQueue {
  add(command: CommandRecord): void
  /** Those that were delivered and not decided come first, again. */
  deliver(limit: number): Delivery[]
  /** @param entry of a delivery; any other changes nothing */
  decided(entry: string | undefined): void
  readonly empty: boolean
}

interface Queued {
  readonly entry: string
  readonly raw: string
  deliveries: number
}

/** An empty queue. */
export function memoryQueue(): MemoryQueue {
  const waiting: Queued[] = []
  const undecided = new Map<string, Queued>()
  let received = 0
  return {
    add(command) {
      waiting.push({ entry: `${++received}-0`, raw: JSON.stringify(command), deliveries: 0 })
    },
    deliver(limit) {
      const old = [...undecided.values()].slice(0, limit)
      const batch = old.length > 0 ? old : waiting.splice(0, limit)
      return batch.map((one) => {
        one.deliveries++
        undecided.set(one.entry, one)
        return { entry: one.entry, attempts: one.deliveries, raw: one.raw, command: parseCommand(one.raw) }
      })
    },
    decided: (entry) => void undecided.delete(entry ?? ""),
    get empty() {
      return waiting.length === 0 && undecided.size === 0
    },
  }
}
