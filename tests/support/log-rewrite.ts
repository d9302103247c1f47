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
  // All at once: a node that writes meanwhile must find the old log or the new one.
  const rewriting = redis.multi().del(key)
  for (const [id, fields] of entries) rewriting.xadd(key, id, ...fields)
  await rewriting.exec()
  redis.disconnect()
}

/** The fields with one of them changed. */
export function withField(fields: readonly string[], name: string, change: (value: string) => string): string[] {
  return fields.map((value, at) => (at % 2 === 1 && fields[at - 1] === name ? change(value) : value))
}
