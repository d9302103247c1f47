import type { Redis } from "ioredis"
import { available } from "./redis.ts"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"

/** Requests that the access log holds, about 20 MB of Redis; older ones go. */
const mostEntries = 50_000
const append = redisScript("append-access")

/**
 * Sink of the access log: one stream entry a request, one script a batch.
 * @throws (the returned function) GatehouseError `store_unavailable`
 */
export function accessStream(redis: Redis): (records: readonly unknown[]) => Promise<void> {
  return async (records) => {
    await available(append(redis, [keys.access], [mostEntries, ...records.map((record) => JSON.stringify(record))]))
  }
}
