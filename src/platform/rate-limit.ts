import type { TtlStore } from "./ttl-store.ts"
import { GatehouseError } from "../errors.ts"
import { soon } from "./redis-call.ts"

/** How many events a window takes. */
export interface Limit {
  readonly count: number
  readonly windowMs: number
}

/** Counts events against limits, over all nodes; while Redis is away each node counts for itself. */
export interface RateLimiter {
  /** Counts one event. @throws GatehouseError `rate_limited` when the window is full */
  hit(bucket: string, limit: Limit): Promise<void>
  /** Counts nothing. @throws GatehouseError `rate_limited` when the window is full */
  check(bucket: string, limit: Limit): Promise<void>
}

const mostLocalBuckets = 10_000
/** How long the store may take before the local counter decides, milliseconds: what comes next waits for the store itself. */
const patience = 250

/**
 * Rate limiter.
 * @param now milliseconds since the epoch
 */
export function rateLimiter(ttl: Pick<TtlStore, "count" | "peek">, now: () => number): RateLimiter {
  const local = new Map<string, { count: number; ends: number }>()
  const countHere = (bucket: string, { windowMs }: Limit) => {
    const known = local.get(bucket)
    const current = known !== undefined && known.ends > now() ? known : { count: 0, ends: now() + windowMs }
    if (known === undefined && local.size >= mostLocalBuckets) local.clear()
    current.count += 1
    local.set(bucket, current)
    return { count: current.count, endsInMs: current.ends - now() }
  }
  const counted = (bucket: string) => {
    const known = local.get(bucket)
    return known !== undefined && known.ends > now() ? known.count : 0
  }
  return {
    async hit(bucket, limit) {
      const { count, endsInMs } = await ttl
        .count(bucket, limit.windowMs)
        .catch(whenAway(() => countHere(bucket, limit)))
      if (count > limit.count) throw full(endsInMs)
    },
    async check(bucket, limit) {
      const count = await soon(ttl.peek("rate", bucket), patience).catch(whenAway(() => counted(bucket)))
      if (Number(count ?? 0) >= limit.count) throw full(limit.windowMs)
    },
  }
}

function full(forMs: number): GatehouseError {
  return new GatehouseError("rate_limited", undefined, { retryAfter: Math.max(1, Math.ceil(forMs / 1000)) })
}

/** Handler of a failed store call: the local answer while the store is away. */
function whenAway<T>(local: () => T): (error: unknown) => T {
  return (error) => {
    if (error instanceof GatehouseError && error.code === "store_unavailable") return local()
    throw error
  }
}

/** What an address counts as: itself, or the /64 of an IPv6 address, which one household or host has whole. */
export function addressBlock(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  if (!address.includes(":")) return address
  const [head = "", tail] = address.toLowerCase().split("%")[0]!.split("::")
  const left = head === "" ? [] : head.split(":")
  const right = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0")
  const groups = [...left, ...zeros, ...right].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`
}
