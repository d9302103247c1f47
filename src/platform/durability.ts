import type { Redis } from "ioredis"
import { setTimeout as sleep } from "node:timers/promises"
import { available } from "./redis-call.ts"
import type { Logger } from "./log.ts"
import { GatehouseError } from "../errors.ts"

/** May an acknowledged write be lost when the machine of the store loses power? */
export interface Durability {
  /** False when the settings allow it, and when they cannot be read. */
  readonly ok: boolean
  /** The settings, for people: `appendonly=yes appendfsync=always maxmemory-policy=noeviction`. */
  readonly detail: string
}

/** A store that may drop keys by itself: Gatehouse does not run on it. */
export class EvictionError extends Error {
  override name = "EvictionError"
}

/**
 * Reads how durable the store is. A managed Redis may refuse CONFIG; INFO tells the rest, and what neither tells is `unknown`.
 * @throws EvictionError when the store evicts keys; GatehouseError `store_unavailable`
 */
export async function durability(redis: Redis): Promise<Durability> {
  const info = await facts(redis)
  const setting = async (name: string, otherwise = "unknown") => (await configured(redis, name)) ?? otherwise
  const policy = await setting("maxmemory-policy", info.get("maxmemory_policy"))
  const appendonly = await setting("appendonly", { "1": "yes", "0": "no" }[info.get("aof_enabled") ?? ""])
  const appendfsync = await setting("appendfsync")
  if (policy !== "noeviction" && policy !== "unknown")
    throw new EvictionError(
      `Redis has maxmemory-policy ${policy}; it must be noeviction, or parts of the log would vanish`,
    )
  const ok = appendonly === "yes" && appendfsync === "always" && policy === "noeviction"
  return { ok, detail: `appendonly=${appendonly} appendfsync=${appendfsync} maxmemory-policy=${policy}` }
}

async function facts(redis: Redis): Promise<Map<string, string>> {
  const text = await available(redis.info())
  return new Map(text.split("\r\n").map((line) => line.split(":", 2) as [string, string]))
}

async function configured(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const [, value] = (await available<unknown>(redis.config("GET", name))) as string[]
    return value
  } catch (error) {
    // CONFIG renamed, forbidden to this user, or switched off: that is an answer too.
    const forbidden =
      error instanceof GatehouseError
        ? error.message.includes("NOPERM")
        : /unknown command|disabled/i.test(String(error))
    if (forbidden) return undefined
    throw error
  }
}

const durabilityCheckMs = 60_000

/** Reads the store's durability when it is there, and again every minute. @throws EvictionError */
export async function watchDurability(
  redis: Redis,
  found: (is: Durability) => void,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  let known = false
  while (!signal.aborted) {
    try {
      const is = await durability(redis)
      if (!known && !is.ok) log.warning("weak_durability", { settings: is.detail })
      found(is)
      known = true
    } catch (error) {
      if (!(error instanceof GatehouseError)) throw error
    }
    await sleep(known ? durabilityCheckMs : 250, undefined, { signal }).catch(() => undefined)
  }
}
