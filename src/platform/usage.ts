import type { Redis } from "ioredis"
import { available, untilReady } from "./redis.ts"
import type { Counters } from "./counters.ts"
import { createHash } from "node:crypto"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"

/** What is looked at of a finished request. */
export interface UsedRequest {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly client: string
  readonly status: number
  readonly proxy: string | null
  readonly client_id: string | null
  readonly grant_id: string | null
  readonly token_id: string | null
  readonly reason: string | null
}

/** Something that requests are made with. */
export type UsedKind = "grant" | "token" | "client"

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
  /** Sink of access records. @throws GatehouseError `store_unavailable` */
  record(requests: readonly UsedRequest[]): Promise<void>
  /** Undefined when it was never used, or long ago. @throws GatehouseError `store_unavailable` */
  of(kind: UsedKind, id: string): Promise<Used | undefined>
}

const dayMs = 86_400_000
/** How long usage is known after the last request. */
const lives: Readonly<Record<UsedKind, number>> = { grant: 400 * dayMs, client: 400 * dayMs, token: dayMs }
const mostLabels = 60
const connectionWait = 400
const usageScript = redisScript("count-usage")

/** Counted for each proxy (`proxy:<host>`): requests that passed with an identity, and those refused for what they brought. */
export const admitted = "proxy.admitted"
export const refused = "proxy.refused"

/** Refusals that are no failure of anybody's: a client that begins without a token, a browser that asks first. */
const beginnings: ReadonlySet<string> = new Set(["no_credential", "preflight", "origin_not_allowed"])

interface Group {
  requests: number
  last: number
  readonly labels: Map<string, number>
}

/** Usage in Redis. @param redis a `command` connection */
export function usage(redis: Redis, counters: Counters): Usage {
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, connectionWait).then(run))
  return {
    async record(requests) {
      const groups = new Map<string, Group & { kind: UsedKind; id: string }>()
      for (const request of requests)
        for (const [kind, id] of thingsOf(request)) {
          const name = `${kind}:${id}`
          const group = groups.get(name) ?? { kind, id, requests: 0, last: 0, labels: new Map<string, number>() }
          groups.set(name, group)
          see(group, request)
        }
      countOutcomes(counters, requests)
      await Promise.all(
        [...groups.values()].map(({ kind, id, requests: count, last, labels }) =>
          call(() =>
            usageScript(redis, [usageKey(kind, id)], [lives[kind], count, last, mostLabels, ...[...labels].flat()]),
          ),
        ),
      )
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

function thingsOf({ grant_id, token_id, client_id }: UsedRequest): [UsedKind, string][] {
  if (grant_id === null || client_id === null) return []
  return [
    ["grant", grant_id],
    ["client", client_id],
    ...(token_id === null ? [] : [["token", token_id] as [UsedKind, string]]),
  ]
}

function see(group: Group, { at, client, proxy }: UsedRequest): void {
  const later = (label: string) => group.labels.set(label, Math.max(group.labels.get(label) ?? 0, Math.round(at)))
  group.requests += 1
  group.last = Math.max(group.last, Math.round(at))
  if (proxy !== null) later(`host:${proxy}`)
  later(`from:${client}`)
}

/** For each proxy: requests that its guard let pass with an identity, and those that it refused for what they brought. */
function countOutcomes(counters: Counters, requests: readonly UsedRequest[]): void {
  const counts = new Map<string, Record<string, number>>()
  for (const { proxy, grant_id, status, reason } of requests) {
    if (proxy === null) continue
    const isRefused =
      grant_id === null && (status === 401 || status === 403) && reason !== null && !beginnings.has(reason)
    const name = grant_id !== null ? admitted : isRefused ? refused : undefined
    if (name === undefined) continue
    const counted = counts.get(proxy) ?? {}
    counted[name] = (counted[name] ?? 0) + 1
    counts.set(proxy, counted)
  }
  for (const [proxy, counted] of counts) counters.add(counted, `proxy:${proxy}`)
}

function usageKey(kind: UsedKind, id: string): string {
  return keys.oauthUsage(createHash("sha256").update(`${kind}:${id}`).digest("hex").slice(0, 32))
}
