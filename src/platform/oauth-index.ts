import type { Redis } from "ioredis"
import { available, untilReady } from "./redis-call.ts"
import { keys } from "./redis-keys.ts"

/** Kinds of OAuth records that have an index. */
export type IndexedKind = "token" | "refresh" | "session"

/** A line of an index. */
export interface IndexedRecord {
  /** Redis key of the record; its last part is the SHA-256 of the record's id. */
  readonly key: string
  readonly facets: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** Reads what the TTL store keeps, for administrators; each call rejects with `store_unavailable` while Redis is away. */
export interface OAuthIndex {
  /** Lines of records that expire at `from` or later, milliseconds since the epoch. A record may be gone before its line. */
  lines(kind: IndexedKind, from: number): Promise<readonly IndexedRecord[]>
  /** Records by their keys, undefined for those that are gone. */
  records(names: readonly string[]): Promise<readonly unknown[]>
  /** How many lines lie between two times, milliseconds since the epoch. */
  count(kind: IndexedKind, from: number, to?: number): Promise<number>
  /** Removes records and their lines. */
  remove(kind: IndexedKind, lines: readonly IndexedRecord[]): Promise<void>
  /** Removes lines of records that expired before a time. @returns how many */
  forget(kind: IndexedKind, before: number): Promise<number>
}

/** Lines and records that one call fetches: few enough that Redis serves others in between. */
const pageSize = 2000
const connectionWait = 400

/** Index reader. @param redis a `command` connection */
export function oauthIndex(redis: Redis): OAuthIndex {
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, connectionWait).then(run))
  return {
    async lines(kind, from) {
      const found = new Map<string, IndexedRecord>()
      // From the latest to expire: what comes in meanwhile is seen twice, and what goes has expired.
      for (let start = 0; ; start += pageSize) {
        const stop = start + pageSize - 1
        const page = await call(() => redis.zrevrange(keys.oauthIndex(kind), start, stop, "WITHSCORES"))
        for (let i = 0; i < page.length; i += 2) {
          const expires = Number(page[i + 1])
          if (expires < from) return [...found.values()]
          const [key = "", ...facets] = page[i]!.split(" ")
          found.set(key, { key, facets, expires })
        }
        if (page.length < 2 * pageSize) return [...found.values()]
      }
    },
    async records(names) {
      const found: unknown[] = []
      for (let from = 0; from < names.length; from += pageSize) {
        const texts = await call(() => redis.mget(...names.slice(from, from + pageSize)))
        found.push(...texts.map((text): unknown => (text === null ? undefined : JSON.parse(text))))
      }
      return found
    },
    count: (kind, from, to) => call(() => redis.zcount(keys.oauthIndex(kind), from, to ?? "+inf")),
    async remove(kind, lines) {
      if (lines.length === 0) return
      await call(() => redis.unlink(...lines.map(({ key }) => key)))
      await call(() => redis.zrem(keys.oauthIndex(kind), ...lines.map(({ key, facets }) => [key, ...facets].join(" "))))
    },
    forget: (kind, before) => call(() => redis.zremrangebyscore(keys.oauthIndex(kind), "-inf", `(${before}`)),
  }
}
