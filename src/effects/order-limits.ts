import { AcmeError } from "./acme-error.ts"
import { setTimeout } from "node:timers/promises"

/**
 * Keeps this node below the limits that CAs set: orders per account in a short time, and failed validations of a name in an
 * hour. Only the leader orders, so what it remembers is enough.
 */
export interface OrderLimits {
  /**
   * Waits for a place among the directory's orders.
   * @throws AcmeError `acme_rate_limited` when one of the names failed too often; the signal's AbortError
   */
  admit(directoryUrl: string, domains: readonly string[], signal: AbortSignal): Promise<void>
  /** Counts a failed validation. */
  failed(directoryUrl: string, domain: string): void
}

const ordersInWindow = 10
const orderWindow = 10_000
const failuresInHour = 5
const hour = 3_600_000

/** Limits that start empty. @param now the clock that the windows are measured with */
export function orderLimits(now: () => Date): OrderLimits {
  const orders = new Map<string, number[]>()
  const failures = new Map<string, number[]>()

  /** Times of `key` within the window; those that lie ahead are of a clock that was set back. */
  function recent(times: Map<string, number[]>, key: string, window: number): number[] {
    const at = now().getTime()
    const kept = (times.get(key) ?? []).filter((time) => time > at - window && time <= at)
    if (kept.length === 0) times.delete(key)
    else times.set(key, kept)
    return kept
  }

  function refuseFailing(directoryUrl: string, domain: string): void {
    const times = recent(failures, `${directoryUrl}\n${domain}`, hour)
    if (times.length < failuresInHour) return
    throw new AcmeError("acme_rate_limited", `${domain} failed ${times.length} validations within an hour`, {
      retryAfter: times[0]! + hour - now().getTime(),
    })
  }

  return {
    async admit(directoryUrl, domains, signal) {
      for (const domain of domains) refuseFailing(directoryUrl, domain)
      for (;;) {
        const times = recent(orders, directoryUrl, orderWindow)
        if (times.length < ordersInWindow) break
        await setTimeout(Math.max(times[0]! + orderWindow - now().getTime(), 10), undefined, { signal })
      }
      orders.set(directoryUrl, [...(orders.get(directoryUrl) ?? []), now().getTime()])
    },
    failed(directoryUrl, domain) {
      const key = `${directoryUrl}\n${domain}`
      failures.set(key, [...recent(failures, key, hour), now().getTime()])
    },
  }
}
