import type { Redis } from "ioredis"
import type { StreamEntry } from "./redis-tail.ts"
import { available, untilReady } from "./redis-call.ts"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"

/** An entry of the log that was given to this consumer, and how many times it was given to anybody. */
export interface Given {
  readonly entry: StreamEntry
  readonly attempts: number
}

/** One consumer of a consumer group on the log. Everything rejects with `store_unavailable` when Redis cannot be used. */
export interface EventGroup {
  /** What this consumer was given before and has not acknowledged; counts one more delivery of each. */
  unfinished(): Promise<Given[]>
  /** At most `count` new ones, those that are there. */
  fresh(count: number): Promise<Given[]>
  /** At most `count` that other consumers have left alone for `idleMs`; `more` when there may be further ones. */
  claim(idleMs: number, count: number): Promise<{ readonly given: Given[]; readonly more: boolean }>
  /** Says that this consumer is still at work. @returns those of `ids` that were taken over by another */
  beat(ids: readonly string[]): Promise<string[]>
  acknowledge(id: string): Promise<void>
  /** Keeps the number of attempts, so that it survives a restart. */
  failed(id: string, attempts: number): Promise<void>
  /** To the dead letters. */
  bury(id: string, attempts: number, error: string): Promise<void>
}

/** Most entries that one consumer may hold, so that one heartbeat sees all of them. */
export const mostHeld = 500

/**
 * Consumer of a group, which is made when it does not exist.
 * @param from where a new group begins
 */
export function eventGroup(redis: Redis, group: string, consumer: string, from: "head" | "start"): EventGroup {
  const buryScript = redisScript("bury")
  const call = <T>(run: () => Promise<T>): Promise<T> =>
    available(untilReady(redis, 1000).then(() => withGroup(redis, group, from, run)))
  const pending = async () => {
    const rows = await redis.xpending(keys.events, group, "-", "+", mostHeld * 2, consumer)
    return new Map((rows as [string, string, number, number][]).map(([id, , , deliveries]) => [id, deliveries]))
  }
  const counted = async (entries: readonly StreamEntry[]) => {
    const deliveries = entries.length === 0 ? new Map<string, number>() : await pending()
    return entries.map((entry) => ({ entry, attempts: deliveries.get(entry[0]) ?? 1 }))
  }
  return {
    unfinished: () =>
      call(async () => {
        const ids = [...(await pending()).keys()]
        if (ids.length === 0) return []
        return counted(present(await redis.xclaim(keys.events, group, consumer, 0, ...ids)))
      }),
    fresh: (count) =>
      call(async () => {
        const args = ["GROUP", group, consumer, "COUNT", count, "STREAMS", keys.events, ">"] as const
        const reply = (await redis.xreadgroup(...args)) as [string, StreamEntry[]][] | null
        return (reply?.[0]?.[1] ?? []).map((entry) => ({ entry, attempts: 1 }))
      }),
    claim: (idleMs, count) =>
      call(async () => {
        const given: Given[] = []
        let cursor = "0-0"
        do {
          const wanted = count - given.length
          const reply = await redis.xautoclaim(keys.events, group, consumer, idleMs, cursor, "COUNT", wanted)
          const [next, entries] = reply as [string, StreamEntry[]]
          given.push(...(await counted(present(entries))))
          cursor = next
        } while (cursor !== "0-0" && given.length < count)
        return { given, more: cursor !== "0-0" }
      }),
    beat: (ids) =>
      call(async () => {
        if (ids.length === 0) return []
        const own = await pending()
        const kept = ids.filter((id) => own.has(id))
        // JUSTID: a heartbeat is no delivery.
        if (kept.length > 0) await redis.xclaim(keys.events, group, consumer, 0, ...kept, "JUSTID")
        return ids.filter((id) => !own.has(id))
      }),
    acknowledge: (id) => call(async () => void (await redis.xack(keys.events, group, id))),
    failed: (id, attempts) =>
      call(async () => {
        if ((await pending()).has(id))
          await redis.xclaim(keys.events, group, consumer, 0, id, "RETRYCOUNT", attempts, "JUSTID")
      }),
    bury: (id, attempts, error) =>
      call(async () => void (await buryScript(redis, [keys.events, keys.deadLetters], [group, id, attempts, error]))),
  }
}

/** Entries that still stand in the log: one that was trimmed away comes as null or without fields. */
function present(entries: unknown): StreamEntry[] {
  return (entries as (StreamEntry | null)[]).filter((entry): entry is StreamEntry => Array.isArray(entry?.[1]))
}

async function withGroup<T>(redis: Redis, group: string, from: "head" | "start", run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOGROUP")) throw error
    await redis.xgroup("CREATE", keys.events, group, from === "head" ? "$" : "0", "MKSTREAM").catch((late: Error) => {
      if (!late.message.startsWith("BUSYGROUP")) throw late
    })
    return run()
  }
}
