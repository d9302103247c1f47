import { Redis } from "ioredis"
import type { StreamEntry } from "../../src/platform/redis-tail.ts"

/** Entries of a stream as they stand there. */
export function entriesOf(redis: Redis, key: string): Promise<[string, string[]][]> {
  return redis.xrange(key, "-", "+")
}

/** Writes the log anew with other entries, as somebody would who has Redis in hand. */
export async function rewriteLog(
  url: string,
  edit: (entries: [string, string[]][]) => readonly StreamEntry[],
  key = "{gh}:events",
): Promise<void> {
  const redis = new Redis(url)
  const entries = edit(await entriesOf(redis, key))
  await redis.del(key)
  for (const [id, fields] of entries) await redis.xadd(key, id, ...fields)
  redis.disconnect()
}

/** The fields with one of them changed. */
export function withField(fields: readonly string[], name: string, change: (value: string) => string): string[] {
  return fields.map((value, at) => (at % 2 === 1 && fields[at - 1] === name ? change(value) : value))
}
