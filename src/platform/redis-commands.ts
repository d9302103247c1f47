import type { Redis } from "ioredis"
import { type BlockingReader, blockingReader, longestBlock } from "./blocking-reader.ts"
import type { Delivery } from "./event-store.ts"
import { commandText, parseCommand } from "./command-record.ts"
import { deciderConsumer as consumer } from "./decider-group.ts"
import { deciderGroup, keys } from "./redis-keys.ts"

type Entry = readonly [id: string, fields: string[] | null]
type PendingRow = readonly [id: string, consumer: string, idleMs: number, count: number]

/** Longest time that another process's undecided entries go unseen, milliseconds. */
const lookBackEvery = 1000

/** Deliveries of the commands stream, undecided ones first. */
export interface CommandReader {
  take(limit: number, blockMs: number): Promise<Delivery[]>
  /** A delivery of this reader was acknowledged. */
  settled(entry: string): void
  close(): void
}

/**
 * Reader of `{gh}:commands` on a connection of its own.
 * @param makeGroup makes the consumer group; takes as long as it takes, and so is not called within a read
 */
export function commandReader(connect: () => Redis, makeGroup: () => Promise<void>): CommandReader {
  const reader: BlockingReader = blockingReader(connect)
  const open = new Set<string>()
  let lookBackAt = 0
  const deliveries = async (redis: Redis, limit: number, block: number) => {
    // Looking back costs a round trip, so it is left out while everything that was given out here is decided.
    if (open.size > 0 || performance.now() >= lookBackAt) {
      const old = await undecided(redis, limit)
      lookBackAt = performance.now() + lookBackEvery
      open.clear()
      if (old.length > 0) return old
    }
    return fresh(redis, limit, block)
  }
  const withNewGroup = async (read: () => Promise<Delivery[] | undefined>) => {
    await makeGroup()
    lookBackAt = 0
    return (await read()) ?? []
  }
  return {
    take: async (limit, blockMs) => {
      const block = Math.min(Math.max(blockMs, 1), longestBlock)
      const read = () => reader.read(block, (redis) => unlessNoGroup(deliveries(redis, limit, block)))
      const taken = (await read()) ?? (await withNewGroup(read))
      for (const { entry } of taken) open.add(entry)
      return taken
    },
    settled: (entry) => void open.delete(entry),
    close: () => reader.close(),
  }
}

async function undecided(redis: Redis, limit: number): Promise<Delivery[]> {
  // XREADGROUP with id 0 would count a delivery of each, also when its answer is lost.
  const rows = (await redis.xpending(keys.commands, deciderGroup, "-", "+", limit, consumer)) as PendingRow[]
  return Promise.all(
    rows.map(async ([id, , , count]) => {
      const [found] = await redis.xrange(keys.commands, id, id)
      return delivery([id, found?.[1] ?? null], count + 1)
    }),
  )
}

async function fresh(redis: Redis, limit: number, block: number): Promise<Delivery[]> {
  const args = ["GROUP", deciderGroup, consumer, "COUNT", limit, "BLOCK", block, "STREAMS", keys.commands, ">"] as const
  return entries(await redis.xreadgroup(...args)).map((entry) => delivery(entry, 1))
}

/** Sets the count of a delivery that is pending. A group that was lost counts anew. */
export async function countDecision(redis: Redis, entry: string, attempts: number): Promise<void> {
  const claim = redis.xclaim(keys.commands, deciderGroup, consumer, 0, entry, "RETRYCOUNT", attempts, "JUSTID")
  await unlessNoGroup(claim)
}

function entries(reply: unknown): readonly Entry[] {
  return (reply as [string, Entry[]][] | null)?.[0]?.[1] ?? []
}

function delivery([entry, fields]: Entry, attempts: number): Delivery {
  const raw = commandText(fields)
  return { entry, attempts, raw, command: parseCommand(raw) }
}

/** @returns undefined when there is no consumer group */
async function unlessNoGroup<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("NOGROUP")) return undefined
    throw error
  }
}
