import type { EventStore } from "./event-store.ts"

/** Leases in memory, and the epoch of each. */
export interface MemoryLeases extends Pick<EventStore, "lease" | "release"> {
  /** Epoch of the last holder; undefined before the first. */
  epoch(lease: string): number | undefined
  setEpoch(lease: string, epoch: number): void
}

/** @param now milliseconds since the epoch */
export function memoryLeases(now: () => number): MemoryLeases {
  const leases = new Map<string, { holder: string; epoch: number; until: number }>()
  const epochs = new Map<string, number>()
  return {
    epoch: (lease) => epochs.get(lease),
    setEpoch: (lease, epoch) => void epochs.set(lease, epoch),
    async lease(lease, holder, ttlMs) {
      const current = leases.get(lease)
      const free = current === undefined || current.until <= now()
      if (!free && current.holder !== holder) return { held: false, epoch: current.epoch }
      const epoch = free ? (epochs.get(lease) ?? 0) + 1 : current.epoch
      epochs.set(lease, epoch)
      leases.set(lease, { holder, epoch, until: now() + ttlMs })
      return { held: true, epoch }
    },
    async release(lease, holder) {
      if (leases.get(lease)?.holder === holder) leases.delete(lease)
    },
  }
}
