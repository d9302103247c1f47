import type { Counters } from "./counters.ts"

/** Scope of the counters that requests are counted for. */
const scope = "requests"
const classes = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const

/** Sink of the access log that counts requests by the first digit of their status. */
export function requestTally(counters: Pick<Counters, "addTo">): (records: readonly { status: number }[]) => void {
  return (records) => {
    const counts: Record<string, number> = {}
    for (const { status } of records) {
      const name = classes[Math.floor(status / 100) - 1]
      if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1
    }
    if (Object.keys(counts).length > 0) counters.addTo(scope, counts)
  }
}

/** How many requests there were, and how many a second. */
export interface RequestRate {
  readonly total: number
  readonly per_second: number
  readonly by_status: Readonly<Record<string, number>>
}

/**
 * Requests of the public listeners of all nodes.
 * @param now milliseconds since the epoch
 * @param spanMs how far back, to the beginning of that minute
 * @throws GatehouseError `store_unavailable`
 */
export async function requestsSince(
  counters: Pick<Counters, "since">,
  now: number,
  spanMs: number,
): Promise<RequestRate> {
  const from = Math.floor((now - spanMs) / 60_000) * 60_000
  const counts = await counters.since(from, scope)
  const by_status = Object.fromEntries(classes.flatMap((name) => (counts.has(name) ? [[name, counts.get(name)!]] : [])))
  const total = Object.values(by_status).reduce((sum, count) => sum + count, 0)
  return { total, per_second: Math.round((total / (now - from)) * 100_000) / 100, by_status }
}
