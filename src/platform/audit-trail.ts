import type { CommandRecord, Outcome } from "./event-store.ts"
import { type StreamEntry, streamField } from "./redis-tail.ts"
import { available, untilReady } from "./redis-call.ts"
import { deciderGroup, keys } from "./redis-keys.ts"
import { pageSize } from "./store-limits.ts"
import { commandText, parseCommand } from "./command-record.ts"
import type { Redis } from "ioredis"

/** A command as it was received. */
export interface Received {
  /** Stream id. */
  readonly entry: string
  /** As it stands there. */
  readonly raw: string
  /** null when the entry holds no command. */
  readonly command: CommandRecord | null
}

/** Outcome of a command that left no event: refused, dead, or nothing to change. */
export interface Decided {
  /** Stream id of the decision. */
  readonly id: string
  /** Stream id of the command; empty when it did not come through the stream. */
  readonly entry: string
  readonly outcome: Outcome
}

/** What stands beside the events: every command as it was received, and what became of those without events. */
export interface AuditTrail {
  /** At most `limit` commands after a stream id (`0` = from the first), in order. */
  commands(after: string, limit: number): Promise<Received[]>
  command(entry: string): Promise<Received | undefined>
  /** At most `limit` decisions after a stream id, in order. */
  decisions(after: string, limit: number): Promise<Decided[]>
  /** The same backwards, before a stream id (`+` = from the last). */
  decisionsBefore(before: string, limit: number): Promise<Decided[]>
  /** May this command still be waiting for its decision? */
  undecided(entry: string): Promise<boolean>
}

/** The trail in Redis. Rejects with `store_unavailable` when Redis cannot be used. */
export function auditTrail(redis: Redis): AuditTrail {
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, 400).then(run))
  const page = async <T>(key: string, after: string, limit: number, read: (entry: StreamEntry) => T) =>
    (await redis.xrange(key, after === "0" ? "-" : `(${after}`, "+", "COUNT", Math.min(limit, pageSize))).map(read)
  return {
    commands: (after, limit) => call(() => page(keys.commands, after, limit, received)),
    command: (entry) => call(async () => (await redis.xrange(keys.commands, entry, entry)).map(received)[0]),
    decisions: (after, limit) => call(() => page(keys.decisions, after, limit, decided)),
    decisionsBefore: (before, limit) =>
      call(async () => {
        const end = before === "+" ? "+" : `(${before}`
        return (await redis.xrevrange(keys.decisions, end, "-", "COUNT", Math.min(limit, pageSize))).map(decided)
      }),
    undecided: (entry) =>
      call(async () => {
        const groups = (await redis.xinfo("GROUPS", keys.commands)) as unknown[][]
        const group = groups.map(fieldsOf).find((fields) => fields.get("name") === deciderGroup)
        // It was lost, and the decider is just making it anew.
        if (group === undefined || isAfter(entry, String(group.get("last-delivered-id")))) return true
        return (await redis.xpending(keys.commands, deciderGroup, entry, entry, 1)).length > 0
      }),
  }
}

/** Names and values of a reply that lists them in turn. */
export function fieldsOf(reply: readonly unknown[]): Map<unknown, unknown> {
  return new Map(reply.flatMap((name, at) => (at % 2 === 0 ? [[name, reply[at + 1]] as const] : [])))
}

/** Order of stream ids; as text 10-0 would stand before 9-0. */
export function isAfter(entry: string, other: string): boolean {
  const [ms = 0, seq = 0] = entry.split("-").map(Number)
  const [otherMs = 0, otherSeq = 0] = other.split("-").map(Number)
  return ms > otherMs || (ms === otherMs && seq > otherSeq)
}

function received([entry, fields]: StreamEntry): Received {
  const raw = commandText(fields)
  return { entry, raw, command: parseCommand(raw) }
}

function decided([id, fields]: StreamEntry): Decided {
  return { id, entry: streamField(fields, "entry"), outcome: JSON.parse(streamField(fields, "outcome")) as Outcome }
}
