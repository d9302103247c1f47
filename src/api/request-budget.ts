import { GatehouseError } from "../errors.ts"

/** Counts requests by key. */
export interface RequestBudget {
  /** @throws GatehouseError `rate_limited` with the seconds to wait */
  take(key: string): void
}

const maxKeys = 10_000

/**
 * Token bucket for each key: `perMinute` at once, filled again evenly. In this process only: reads must not wait for the store.
 * @param now milliseconds of a clock that never goes back
 */
export function requestBudget(perMinute: number, now: () => number): RequestBudget {
  const buckets = new Map<string, { level: number; at: number }>()
  const perMs = perMinute / 60_000
  return {
    take(key) {
      const at = now()
      const bucket = buckets.get(key) ?? { level: perMinute, at }
      const level = Math.min(perMinute, bucket.level + (at - bucket.at) * perMs)
      if (level < 1)
        throw new GatehouseError("rate_limited", undefined, { retryAfter: Math.ceil((1 - level) / perMs / 1000) })
      buckets.delete(key)
      buckets.set(key, { level: level - 1, at })
      // The oldest entry has had the longest to fill up: losing it gives away the least.
      if (buckets.size > maxKeys) buckets.delete(buckets.keys().next().value!)
    },
  }
}
