import type { Redis } from "ioredis"
import { available, untilReady } from "./redis-call.ts"
import type { Counters } from "./counters.ts"
import { createHash } from "node:crypto"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"
import { type UsageTally, type UsedKind, type UsedRequest, usageTally } from "./usage-tally.ts"

/** Requests made with one thing. Times are milliseconds since the epoch. */
export interface Used {
  readonly requests: number
  readonly last: number
  /** Hosts that answered, and client addresses, with their last time; each at most as many as are kept. */
  readonly hosts: ReadonlyMap<string, number>
  readonly addresses: ReadonlyMap<string, number>
}

/** Who used what, from the access log. */
export interface Usage {
  /** Writes down what requests were made with. @throws GatehouseError `store_unavailable` */
  record(requests: readonly UsedRequest[]): Promise<void>
  /**
   * Adds access records up here and writes them down together after `delayMs`, so that Redis is asked once for what is used all
   * the time.
   * @param lost told why something was not counted
   */
  collect(delayMs: number, lost: (error: unknown) => void): UsageCollector
  /** Undefined when it was never used, or long ago. @throws GatehouseError `store_unavailable` */
  of(kind: UsedKind, id: string): Promise<Used | undefined>
}

/** Requests that are not written down yet. */
export interface UsageCollector {
  readonly add: (requests: readonly UsedRequest[]) => void
  /** Writes down at once what is there. */
  flush(): Promise<void>
}

const dayMs = 86_400_000
/** How long usage is known after the last request. */
const lives: Readonly<Record<UsedKind, number>> = { grant: 400 * dayMs, client: 400 * dayMs, token: dayMs }
const mostLabels = 60
const connectionWait = 400
/** Things written down by one call of the script. */
const perCall = 100
const usageScript = redisScript("count-usage")

/** Usage in Redis. @param redis a `command` connection */
export function usage(redis: Redis, counters: Counters): Usage {
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, connectionWait).then(run))

  async function write({ uses, outcomes }: UsageTally): Promise<void> {
    for (const [proxy, counted] of outcomes) counters.add(counted, `proxy:${proxy}`)
    const groups = [...uses()]
    for (let at = 0; at < groups.length; at += perCall) {
      const some = groups.slice(at, at + perCall)
      const args = some.flatMap(({ kind, requests, last, labels }) => [
        lives[kind],
        requests,
        last,
        labels.size,
        ...[...labels].flat(),
      ])
      await call(() =>
        usageScript(
          redis,
          some.map(({ kind, id }) => usageKey(kind, id)),
          [mostLabels, ...args],
        ),
      )
    }
  }

  return {
    async record(requests) {
      const tally = usageTally()
      tally.add(requests)
      await write(tally)
    },
    collect(delayMs, lost) {
      let tally = usageTally()
      let timer: NodeJS.Timeout | undefined
      const flush = () => {
        clearTimeout(timer)
        timer = undefined
        const whole = tally
        tally = usageTally()
        return write(whole).catch(lost)
      }
      return {
        add(requests) {
          tally.add(requests)
          timer ??= setTimeout(() => void flush(), delayMs).unref()
        },
        flush,
      }
    },
    async of(kind, id) {
      const entries = Object.entries(await call(() => redis.hgetall(usageKey(kind, id))))
      if (entries.length === 0) return undefined
      const fields = new Map(entries.map(([name, value]) => [name, Number(value)]))
      const labelled = (prefix: string) =>
        new Map([...fields].flatMap(([name, at]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), at]] : [])))
      return {
        requests: fields.get("requests") ?? 0,
        last: fields.get("last") ?? 0,
        hosts: labelled("host:"),
        addresses: labelled("from:"),
      }
    },
  }
}

function usageKey(kind: UsedKind, id: string): string {
  return keys.oauthUsage(createHash("sha256").update(`${kind}:${id}`).digest("hex").slice(0, 32))
}
