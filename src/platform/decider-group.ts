import { deciderGroup, keys } from "./redis-keys.ts"
import type { Outcome } from "./event-store.ts"
import type { Redis } from "ioredis"
import { pageSize } from "./store-limits.ts"
import { commandText, parseCommand } from "./command-record.ts"
import { streamField } from "./redis-tail.ts"

/**
 * Every decider reads under this one name: what an earlier leader was given and did not decide is still this consumer's, and so
 * comes first. Two leaders cannot both commit; the epoch sees to that.
 */
export const deciderConsumer = "decider"

/**
 * Makes the consumer group of the decider, at the start of the log or after it was lost. It begins behind the newest command that
 * was decided, and what was left undecided before that one is given to it as pending. Decided commands are looked at and not given
 * out; should one be all the same, its commit is refused.
 */
export async function makeDeciderGroup(redis: Redis): Promise<void> {
  const newest = (await redis.hget(keys.head, "decided")) ?? (await newestOfLog(redis))
  const left = newest === undefined ? [] : await undecidedUntil(redis, newest)
  const making = redis.multi().xgroup("CREATE", keys.commands, deciderGroup, newest ?? "0", "MKSTREAM")
  for (let at = 0; at < left.length; at += pageSize) {
    const ids = left.slice(at, at + pageSize)
    making.xclaim(keys.commands, deciderGroup, deciderConsumer, 0, ...ids, "RETRYCOUNT", 1, "FORCE", "JUSTID")
  }
  for (const [error] of (await making.exec()) ?? []) {
    // Another node was faster. What is pending twice is decided once.
    if (error !== null && !error.message.startsWith("BUSYGROUP")) throw error
  }
}

/** Newest command, when there is a log whose head does not say how far it was decided. */
async function newestOfLog(redis: Redis): Promise<string | undefined> {
  if ((await redis.xlen(keys.events)) === 0) return undefined
  return (await redis.xrevrange(keys.commands, "+", "-", "COUNT", 1))[0]?.[0]
}

/** Stream ids up to `last` of commands whose outcome is still `queued`, and of entries that hold none and have no dead letter. */
async function undecidedUntil(redis: Redis, last: string): Promise<string[]> {
  const left: string[] = []
  for (let from = "-"; ;) {
    const page = await redis.xrange(keys.commands, from, last, "COUNT", pageSize)
    const received = page.map(([entry, fields]) => ({ entry, command: parseCommand(commandText(fields)) }))
    const known = received.flatMap(({ entry, command }) => (command === null ? [] : [{ entry, id: command.id }]))
    const outcomes = known.length === 0 ? [] : await redis.mget(known.map(({ id }) => keys.outcome(id)))
    const waiting = known.filter((_, index) => isQueued(outcomes[index] ?? null)).map(({ entry }) => entry)
    const none = received.filter(({ command }) => command === null).map(({ entry }) => entry)
    left.push(...waiting, ...(await withoutLetter(redis, none)))
    if (page.length < pageSize) return left
    from = `(${page.at(-1)![0]}`
  }
}

function isQueued(outcome: string | null): boolean {
  return outcome !== null && (JSON.parse(outcome) as Outcome).status === "queued"
}

async function withoutLetter(redis: Redis, entries: readonly string[]): Promise<readonly string[]> {
  if (entries.length === 0) return entries
  const letters = await redis.xrange(keys.deadLetters, "-", "+")
  const buried = new Set(letters.map(([, fields]) => streamField(fields, "entry")))
  return entries.filter((entry) => !buried.has(entry))
}
