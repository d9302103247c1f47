import type { Redis } from "ioredis"
import { available } from "./redis-call.ts"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"

/** Requests that the access log holds, about 12 MB of Redis; older ones go. */
const mostRequests = 50_000
const append = redisScript("append-access")

/**
 * Sink of the access log: one stream entry a batch, whose rows hold the columns' values in order. Rows cost half of what
 * objects do, here and in Redis, and an entry for each request would cost Redis more than the request costs the edge.
 * @param columns names of what a row holds
 * @param row a record as a row
 * @throws (the returned function) GatehouseError `store_unavailable`
 */
export function accessStream<Record>(
  redis: Redis,
  columns: readonly string[],
  row: (record: Record) => readonly unknown[],
  most = mostRequests,
): (records: readonly Record[]) => Promise<void> {
  const names = JSON.stringify(columns)
  return async (records) => {
    const rows = JSON.stringify(records.map(row))
    await available(append(redis, [keys.access, keys.accessTotal], [most, records.length, names, rows]))
  }
}
