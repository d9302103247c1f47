import type { Redis } from "ioredis"
import { type StreamEntry, streamField } from "./redis-tail.ts"
import { available, untilReady } from "./redis-call.ts"
import { keys } from "./redis-keys.ts"

/** A request of the access log: the columns of its batch, and its number among all that were ever recorded, from 1. */
export interface NumberedRequest {
  readonly number: number
  readonly [column: string]: unknown
}

/** Reads the access log by the numbers of its requests. Rejects with `store_unavailable` when Redis cannot be used. */
export interface AccessReader {
  /** Number of the newest request; 0 before the first. */
  newest(): Promise<number>
  /** Number of the oldest request that is kept; one more than the newest when none is. */
  oldest(): Promise<number>
  /**
   * The requests from one number to another, in order; what is not kept any more is left out. Memory is for the caller to bound:
   * besides the range at most one batch at either end is looked at.
   */
  read(from: number, to: number): Promise<readonly NumberedRequest[]>
}

/** The access log that `accessStream` writes: ids of its entries are the number of their last request. */
export function accessReader(redis: Redis): AccessReader {
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, 400).then(run))
  const newest = async () => Number((await redis.get(keys.accessTotal)) ?? 0)
  return {
    newest: () => call(newest),
    oldest: () =>
      call(async () => {
        const [first] = await redis.xrange(keys.access, "-", "+", "COUNT", 1)
        return (first && requestsOf(first)[0]?.number) ?? (await newest()) + 1
      }),
    read: (from, to) =>
      call(async () => {
        if (to < from) return []
        // The batch that holds the last one may end behind it.
        const [whole, behind] = await Promise.all([
          redis.xrange(keys.access, `${from}-0`, `${to}-0`, "COUNT", to - from + 1),
          redis.xrange(keys.access, `(${to}-0`, "+", "COUNT", 1),
        ])
        return [...whole, ...behind].flatMap(requestsOf).filter(({ number }) => number >= from && number <= to)
      }),
  }
}

function requestsOf([id, fields]: StreamEntry): NumberedRequest[] {
  const last = Number.parseInt(id, 10)
  const columns = JSON.parse(streamField(fields, "columns")) as string[]
  const rows = JSON.parse(streamField(fields, "rows")) as unknown[][]
  return rows.map((row, at) => ({
    ...Object.fromEntries(columns.map((column, place) => [column, row[place]])),
    number: last - rows.length + 1 + at,
  }))
}
