import { GatehouseError } from "../errors.ts"

/** Waiting for what comes into a store in memory. */
export interface MemoryNews {
  /** @throws GatehouseError `store_unavailable` after the end */
  open(): void
  /** Answers of `poll`, waiting until it finds something or `blockMs` have passed. @throws as {@link open} */
  waitFor<T>(blockMs: number, poll: () => T, found: (value: T) => boolean): Promise<T>
  /** Something has come. */
  wake(): void
  /** The end: nobody waits any more. */
  close(): void
}

/** Nobody waits yet. */
export function memoryNews(): MemoryNews {
  const waiting = new Set<() => void>()
  let closed = false
  const wake = () => [...waiting].forEach((resume) => resume())
  const changed = (ms: number) =>
    new Promise<void>((resolve) => {
      const resume = () => {
        clearTimeout(timer)
        waiting.delete(resume)
        resolve()
      }
      const timer = setTimeout(resume, ms)
      waiting.add(resume)
    })
  const open = () => {
    if (closed) throw new GatehouseError("store_unavailable", "the store was closed")
  }
  return {
    open,
    wake,
    async waitFor(blockMs, poll, found) {
      const until = performance.now() + blockMs
      for (;;) {
        open()
        const value = poll()
        const left = until - performance.now()
        if (found(value) || left <= 0) return value
        await changed(left)
      }
    },
    close() {
      closed = true
      wake()
    },
  }
}
