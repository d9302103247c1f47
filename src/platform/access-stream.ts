import type { Redis } from "ioredis"
import { available } from "./redis.ts"
import { keys } from "./redis-keys.ts"

/** Entries of the access stream, each a batch of requests; older ones go. */
const mostEntries = 20_000

/**
 * Sink of the access log: one stream entry a batch, a JSON array of records.
 * @throws (the returned function) GatehouseError `store_unavailable`
 */
export function accessStream(redis: Redis): (records: readonly unknown[]) => Promise<void> {
  return async (records) => {
    await available(redis.xadd(keys.access, "MAXLEN", "~", mostEntries, "*", "records", JSON.stringify(records)))
  }
}
