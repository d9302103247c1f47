import type { Redis } from "ioredis"
import { blockingReader, longestBlock } from "./blocking-reader.ts"
import { ChainError } from "./event-chain.ts"
import type { EventRecord, Outcome, Tail } from "./event-store.ts"
import { keys } from "./redis-keys.ts"
import { pageSize } from "./store-limits.ts"

/** One stream entry as ioredis gives it. */
export type StreamEntry = readonly [id: string, fields: readonly string[]]

/** Events and outcomes as they come, on a connection of its own. One call at a time. */
export interface LogTail {
  tail(events: number, outcomes: string, blockMs: number): Promise<Tail & { readonly cursor: string }>
  close(): void
}

/** Tail of `{gh}:events` and `{gh}:outcomes`. */
export function logTail(connect: () => Redis): LogTail {
  const reader = blockingReader(connect)
  return {
    tail: (events, outcomes, blockMs) => {
      const block = Math.min(Math.max(blockMs, 1), longestBlock)
      return reader.read(block, async (redis) => {
        const from = ["STREAMS", keys.events, keys.outcomes, `${events}-0`, outcomes] as const
        // A blocked read is woken by the first stream of a commit and gives that one alone. So it only waits; the read behind it,
        // sent at the same time, gives both streams as they are then.
        const woken = redis.xread("COUNT", 1, "BLOCK", block, ...from)
        const [, reply] = await Promise.all([woken, redis.xread("COUNT", pageSize, ...from)])
        const streams = new Map(reply as [string, StreamEntry[]][] | null)
        const decided = streams.get(keys.outcomes) ?? []
        return {
          events: (streams.get(keys.events) ?? []).map(eventRecord),
          outcomes: decided.map(([, fields]) => JSON.parse(streamField(fields, "outcome")) as Outcome),
          cursor: decided.at(-1)?.[0] ?? outcomes,
        }
      })
    },
    close: () => reader.close(),
  }
}

/** The event that an entry of the log holds. @throws ChainError when it does not hold one */
export function eventRecord([entry, fields]: StreamEntry): EventRecord {
  const position = Number(/^(\d+)-0$/.exec(entry)?.[1] ?? Number.NaN)
  try {
    return {
      position,
      kind: streamField(fields, "kind"),
      id: streamField(fields, "id"),
      type: streamField(fields, "type"),
      schema: Number(streamField(fields, "schema")),
      data: JSON.parse(streamField(fields, "data")),
      meta: JSON.parse(streamField(fields, "meta")),
      hash: streamField(fields, "hash"),
    }
  } catch (error) {
    throw new ChainError(position, `entry ${entry} of the log holds no event: ${(error as Error).message}`)
  }
}

/** Value of a field of an entry. @throws Error when it has none of that name */
export function streamField(fields: readonly string[], name: string): string {
  for (let at = 0; at + 1 < fields.length; at += 2) if (fields[at] === name) return fields[at + 1]!
  throw new Error(`no field ${name}`)
}
