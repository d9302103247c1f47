import type { Redis } from "ioredis"
import type { ConnectRedis } from "./redis.ts"
import { available, untilReady } from "./redis-call.ts"
import type { Commit, CommitResult, EventStore, Head, Outcome, Submitted } from "./event-store.ts"
import { outcomeLifetime, outcomesKept, pageSize } from "./store-limits.ts"
import { queued } from "./command-record.ts"
import { type StreamEntry, eventRecord, logTail } from "./redis-tail.ts"
import { deciderGroup, keys } from "./redis-keys.ts"
import { genesisHash } from "./event-chain.ts"
import { GatehouseError } from "../errors.ts"
import { canonicalJson } from "./canonical-json.ts"
import { commandReader, countDecision } from "./redis-commands.ts"
import { logPages } from "./log-pages.ts"
import { makeDeciderGroup } from "./decider-group.ts"
import { redisScript } from "./redis-script.ts"

/** How long a call waits for a connection that is just being made, milliseconds; with the call's own deadline below two seconds. */
const connectionWait = 400

/** Results of a commit after which its command is not delivered again. */
const settles: ReadonlySet<CommitResult["status"]> = new Set(["committed", "duplicate", "past"])

/** The log in Redis. Opens a connection for calls, one for reading events, and one more for each of the two blocking readers when they are used. */
export function redisEventStore(connect: ConnectRedis): EventStore {
  const redis = connect("store", "command")
  const reading = connect("log", "command")
  const pages = logPages()
  const commands = commandReader(
    () => connect("commands", "blocking"),
    () => call(() => makeDeciderGroup(redis)),
  )
  const tail = logTail(() => connect("tail", "blocking"))
  const scripts = {
    submit: redisScript("submit"),
    commit: redisScript("commit"),
    lease: redisScript("lease"),
    release: redisScript("release"),
  }
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, connectionWait).then(run))

  return {
    submit: (command, secrets) =>
      call(async () => {
        const refs = Object.keys(secrets)
        const args = [JSON.stringify(command), JSON.stringify(queued(command)), ...Object.values(secrets)]
        const reply = await scripts.submit(
          redis,
          [keys.commands, keys.outcome(command.id), ...refs.map(keys.secret)],
          args,
        )
        return submitted(reply as string[])
      }),
    commit: (commit) =>
      call(async () => {
        const reply = (await scripts.commit(redis, commitKeys(commit), commitArguments(commit))) as [string, string?]
        const result = committed(reply)
        if (commit.entry !== undefined && settles.has(result.status)) commands.settled(commit.entry)
        return result
      }),
    read: (after, limit) =>
      // Redis answers COUNT 0 with nil.
      limit < 1
        ? Promise.resolve([])
        : available(
            untilReady(reading, connectionWait).then(() => pages.read(reading, after, Math.min(limit, pageSize))),
          ),
    head: () => call(() => head(redis)),
    outcome: (id) => call(async () => parse<Outcome>(await redis.get(keys.outcome(id)))),
    secret: (ref) => call(async () => (await redis.get(keys.secret(ref))) ?? undefined),
    take: (limit, blockMs) => commands.take(limit, blockMs),
    begin: (entry, attempts) => call(() => countDecision(redis, entry, attempts)),
    tail: (events, outcomes, blockMs) => tail.tail(events, outcomes, blockMs),
    outcomesCursor: () =>
      call(async () => (await redis.xrevrange(keys.outcomes, "+", "-", "COUNT", 1))[0]?.[0] ?? "0-0"),
    lease: (name, holder, ttlMs) =>
      call(async () => {
        const reply = await scripts.lease(redis, [keys.lease(name), keys.head], [name, holder, ttlMs])
        const [held, epoch] = reply as [number, number]
        return { held: held === 1, epoch }
      }),
    release: (name, holder) => call(async () => void (await scripts.release(redis, [keys.lease(name)], [holder]))),
    snapshot: (name) => call(async () => (await redis.get(keys.snapshot(name))) ?? undefined),
    saveSnapshot: (name, value) => call(async () => void (await redis.set(keys.snapshot(name), value))),
    close: async () => {
      commands.close()
      tail.close()
      redis.disconnect()
      reading.disconnect()
    },
  }
}

function submitted([status, outcome]: string[]): Submitted {
  if (status === "taken") throw new GatehouseError("invalid_state", "a vault entry of that name exists already")
  return status === "known" ? { status, outcome: JSON.parse(outcome!) as Outcome } : { status: "queued" }
}

function committed([status, outcome]: [string, string?]): CommitResult {
  if (status === "duplicate") return { status, outcome: JSON.parse(outcome!) as Outcome }
  return { status } as CommitResult
}

function commitKeys(commit: Commit): string[] {
  const { events, head, versions, outcomes, commands, deadLetters, decisions, erasure } = keys
  const own = keys.outcome(commit.command_id)
  const fixed = [events, head, versions, outcomes, own, commands, deadLetters, decisions, erasure]
  return [...fixed, ...commit.unlink.map(keys.secret)]
}

function commitArguments(commit: Commit): (string | number)[] {
  const name = ({ kind, id }: { readonly kind: string; readonly id: string }) => `${kind}:${id}`
  const events = commit.events.flatMap((event) => [
    event.position,
    name(event),
    event.kind,
    event.id,
    event.type,
    event.schema,
    // As it was hashed: what reads it need not put it in order.
    canonicalJson(event.data),
    canonicalJson(event.meta),
    event.hash,
  ])
  const { dead } = commit
  return [
    commit.epoch,
    commit.previous,
    JSON.stringify(commit.outcome),
    outcomeLifetime,
    outcomesKept,
    deciderGroup,
    commit.entry ?? "",
    dead === undefined ? "" : JSON.stringify(Object.entries(dead).flatMap(([field, value]) => [field, String(value)])),
    commit.command === undefined ? "" : JSON.stringify(commit.command),
    commit.events.length,
    ...events,
    commit.expected.length,
    ...commit.expected.flatMap((one) => [name(one), one.version]),
    commit.gone.length,
    ...commit.gone.map(name),
  ]
}

async function head(redis: Redis): Promise<Head> {
  const [seq, hash] = await redis.hmget(keys.head, "seq", "hash")
  if (seq != null && hash != null) return { position: Number(seq), hash }
  const last = (await redis.xrevrange(keys.events, "+", "-", "COUNT", 1))[0] as StreamEntry | undefined
  if (last === undefined) return { position: 0, hash: genesisHash }
  const { position, hash: newest } = eventRecord(last)
  return { position, hash: newest }
}

function parse<T>(text: string | null): T | undefined {
  return text === null ? undefined : (JSON.parse(text) as T)
}
