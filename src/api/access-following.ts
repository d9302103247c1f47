import { type AccessFilter, accessRequest, wantedRequests } from "./access-requests.ts"
import type { Api } from "./endpoint.ts"
import { GatehouseError } from "../errors.ts"
import type { StreamLine } from "./event-stream.ts"
import type { SubscriptionPlace } from "./event-subscriptions.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** Requests that a follower is given together; more are read when it has taken them. */
const pageSize = 500
/** Edges write four times a second. */
const pollMs = 500

/**
 * Requests as they end, until the place ends. While the store is away nothing comes.
 * @param after number of the last request that was seen
 */
export async function* followAccess(
  api: Api,
  { caller, signal }: SubscriptionPlace,
  filter: AccessFilter,
  after: number,
): AsyncGenerator<StreamLine> {
  const pause = () => sleep(pollMs, undefined, { signal }).catch(() => undefined)
  let seen = after
  yield { id: seen }
  while (!signal.aborted) {
    const page = await pageAfter(api, seen)
    if (page === undefined) {
      await pause()
      continue
    }
    const moved = page.seen !== seen
    seen = page.seen
    // Whose a proxy is may have changed since the last page.
    const wanted = wantedRequests(api, caller, filter)
    const requests = page.requests.map(accessRequest).filter((request) => wanted?.(request) ?? true)
    for (const request of requests) {
      if (signal.aborted) return
      yield { id: request.number, data: JSON.stringify(request) }
    }
    if (moved && requests.at(-1)?.number !== seen) yield { id: seen }
    if (page.last) await pause()
  }
}

/** The next requests, how far they reach, and whether that is all; undefined while the store is away. */
async function pageAfter({ access }: Api, seen: number) {
  try {
    const newest = await access.newest()
    if (seen === newest) return { requests: [], seen, last: true }
    // Beyond the newest: the count began anew.
    const after = Math.max(seen > newest ? 0 : seen, (await access.oldest()) - 1)
    const reached = Math.min(after + pageSize, newest)
    return { requests: await access.read(after + 1, reached), seen: reached, last: reached === newest }
  } catch (error) {
    if (error instanceof GatehouseError && error.code === "store_unavailable") return undefined
    throw error
  }
}
