import type { Redis } from "ioredis"
import { available, untilReady } from "./redis-call.ts"
import { createHash } from "node:crypto"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"

/** Counts by name. */
export type Counts = ReadonlyMap<string, number>

/** Event counters over all nodes: by the minute for two hours, by the hour for eight days, and in all. */
export interface Counters {
  /**
   * Counts events, for a scope and for everything. It neither waits nor fails: what the store does not take is lost. Other nodes
   * see it within a tenth of a second.
   * @param counted names of a fixed set, never text of a request
   * @param scopes whose events these are besides, such as `client:…`
   */
  add(counted: Readonly<Record<string, number>>, ...scopes: readonly string[]): void
  /** The same for a scope alone, where everything was counted before. */
  addTo(scope: string, counted: Readonly<Record<string, number>>): void
  /**
   * Counts since a time. Buckets are whole: of the first minute, or hour when that is more than two hours ago, all is counted.
   * @param from milliseconds since the epoch
   * @throws GatehouseError `store_unavailable`
   */
  since(from: number, scope?: string): Promise<Counts>
  /** All that was counted, and when each name was last, milliseconds since the epoch. @throws GatehouseError `store_unavailable` */
  totals(scope?: string): Promise<{ readonly counts: Counts; readonly last: Counts }>
  /** Settles when what was counted so far is written down, or lost. */
  flush(): Promise<void>
}

/** What was counted for one scope and is not written down yet, all within one minute. */
interface Waiting {
  /** When the newest was counted. */
  at: number
  readonly counts: Map<string, number>
}

const minuteMs = 60_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const minutesLive = 2 * hourMs
const lives = [minutesLive + minuteMs, 8 * dayMs, 400 * dayMs] as const
const connectionWait = 400
/** How long counts are added up here before Redis is asked to. */
const delayMs = 100
const countScript = redisScript("count-events")

/** Scope of everything. */
const everything = ""

/** Counters that count nothing, for where nobody asks. */
export const noCounters: Pick<Counters, "add" | "addTo"> = { add: () => undefined, addTo: () => undefined }

/**
 * Counters in Redis.
 * @param redis a `command` connection
 * @param now milliseconds since the epoch
 * @param lost told why something was not counted
 */
export function counters(redis: Redis, now: () => number, lost: (error: unknown) => void): Counters {
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, connectionWait).then(run))
  const write = async (scope: string, { at, counts }: Waiting) => {
    const buckets = [minuteBucket(at), hourBucket(at), "all"].map((bucket) => bucketKey(bucket, scope))
    await call(() => countScript(redis, buckets, [...lives, at, ...[...counts].flat()]))
  }
  let waiting = new Map<string, Waiting>()
  let timer: NodeJS.Timeout | undefined
  let written: Promise<unknown> = Promise.resolve()
  const flush = async () => {
    clearTimeout(timer)
    timer = undefined
    const all = waiting
    waiting = new Map()
    written = Promise.all([written, ...[...all].map(([scope, one]) => write(scope, one).catch(lost))])
    await written
  }
  const count = (scope: string, counted: Readonly<Record<string, number>>) => {
    const at = now()
    const known = waiting.get(scope)
    if (known !== undefined && minuteBucket(known.at) !== minuteBucket(at)) void flush()
    const one = waiting.get(scope) ?? { at, counts: new Map<string, number>() }
    one.at = at
    for (const [name, number] of Object.entries(counted)) one.counts.set(name, (one.counts.get(name) ?? 0) + number)
    waiting.set(scope, one)
    timer ??= setTimeout(() => void flush(), delayMs).unref()
  }
  const read = async (bucket: string, scope: string) =>
    Object.entries(await call(() => redis.hgetall(bucketKey(bucket, scope))))
  return {
    flush,
    add(counted, ...scopes) {
      for (const scope of [everything, ...scopes]) count(scope, counted)
    },
    addTo: count,
    async since(from, scope = everything) {
      const fine = now() - from < minutesLive
      const [step, name] = fine ? ([minuteMs, minuteBucket] as const) : ([hourMs, hourBucket] as const)
      const sums = new Map<string, number>()
      const wanted: string[] = []
      for (let at = from; at <= now() + step; at += step) wanted.push(name(Math.min(at, now())))
      await flush()
      const buckets = await Promise.all([...new Set(wanted)].map((bucket) => read(bucket, scope)))
      for (const [event, number] of buckets.flat()) sums.set(event, (sums.get(event) ?? 0) + Number(number))
      return sums
    },
    async totals(scope = everything) {
      await flush()
      const entries = (await read("all", scope)).map(([name, value]) => [name, Number(value)] as const)
      return {
        counts: new Map(entries.filter(([name]) => !name.startsWith("@"))),
        last: new Map(entries.flatMap(([name, at]) => (name.startsWith("@") ? [[name.slice(1), at] as const] : []))),
      }
    },
  }
}

const minuteBucket = (at: number) => `m${Math.floor(at / minuteMs)}`
const hourBucket = (at: number) => `h${Math.floor(at / hourMs)}`

function bucketKey(bucket: string, scope: string): string {
  const digest = scope === everything ? "all" : createHash("sha256").update(scope).digest("hex").slice(0, 32)
  return keys.oauthCount(bucket, digest)
}
