import { available, untilReady } from "./redis-call.ts"
import { fieldsOf } from "./audit-trail.ts"
import { keys } from "./redis-keys.ts"
import type { Redis } from "ioredis"

/** A consumer group on the log. */
export interface GroupFacts {
  readonly group: string
  readonly consumers: number
  /** Given to a consumer and not acknowledged. */
  readonly pending: number
  /** Position that was given out last. */
  readonly position: number
  /** Oldest position that is not acknowledged; null when there is none. */
  readonly oldest_pending: number | null
}

/** Sizes of the log's Redis. */
export interface LogFacts {
  /** First and last position that stand in Redis; 0 when there is none. */
  readonly first: number
  readonly last: number
  readonly entries: Readonly<Record<"events" | "commands" | "decisions" | "outcomes" | "dead_letters", number>>
  /** Bytes that Redis holds for each, about (MEMORY USAGE). */
  readonly bytes: Readonly<Record<"events" | "commands" | "decisions" | "outcomes" | "dead_letters", number>>
  /** Bytes that Redis uses in all. */
  readonly memory: number
  readonly groups: readonly GroupFacts[]
  /** Destroyed vault entries that are still in the append-only file. */
  readonly unerased: number
}

const streams = {
  events: keys.events,
  commands: keys.commands,
  decisions: keys.decisions,
  outcomes: keys.outcomes,
  dead_letters: keys.deadLetters,
} as const
type Stream = keyof typeof streams
const names = Object.keys(streams) as Stream[]

/** Looks at the sizes. @throws GatehouseError `store_unavailable` */
export async function logFacts(redis: Redis): Promise<LogFacts> {
  await untilReady(redis, 400)
  return available(read(redis))
}

async function read(redis: Redis): Promise<LogFacts> {
  const each = async (size: (key: string) => Promise<number | null>) => {
    const sizes = await Promise.all(names.map((name) => size(streams[name])))
    return Object.fromEntries(names.map((name, at) => [name, sizes[at] ?? 0])) as Record<Stream, number>
  }
  const [entries, bytes, first, last, info, groups, unerased] = await Promise.all([
    each((key) => redis.xlen(key)),
    each((key) => redis.memory("USAGE", key)),
    redis.xrange(keys.events, "-", "+", "COUNT", 1),
    redis.xrevrange(keys.events, "+", "-", "COUNT", 1),
    redis.info("memory"),
    groupsOf(redis),
    redis.hget(keys.erasure, "count"),
  ])
  return {
    first: position(first[0]?.[0]),
    last: position(last[0]?.[0]),
    entries,
    bytes,
    memory: Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0),
    groups,
    unerased: Number(unerased ?? 0),
  }
}

/** Consumer groups on the log; none while there is no log. */
async function groupsOf(redis: Redis): Promise<GroupFacts[]> {
  if ((await redis.exists(keys.events)) === 0) return []
  const groups = ((await redis.xinfo("GROUPS", keys.events)) as unknown[][]).map(fieldsOf)
  return Promise.all(
    groups.map(async (fields) => {
      const group = String(fields.get("name"))
      const [count, oldest] = (await redis.xpending(keys.events, group)) as [number, string | null]
      return {
        group,
        consumers: Number(fields.get("consumers")),
        pending: count,
        position: position(String(fields.get("last-delivered-id"))),
        oldest_pending: oldest === null ? null : position(oldest),
      }
    }),
  )
}

function position(entry: string | undefined): number {
  return Number(entry?.split("-")[0] ?? 0)
}
