import { type Logger, reason } from "./log.ts"
import { available, untilReady } from "./redis-call.ts"
import type { Redis } from "ioredis"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"
import { setTimeout as sleep } from "node:timers/promises"

const lookMs = 1000

/**
 * UNLINK leaves a secret's bytes in the append-only file until that is rewritten. What waits for it stands in the store, so that
 * a node that ends meanwhile leaves it to the others. Rewrites once for all that were destroyed within `delaySeconds`.
 */
export async function eraser(redis: Redis, delaySeconds: number, signal: AbortSignal, log: Logger): Promise<void> {
  const forget = redisScript("erased")
  while (!signal.aborted) {
    try {
      await untilReady(redis, 400)
      const waiting = await due(redis, delaySeconds)
      if (waiting !== undefined && (await rewritten(redis, signal))) {
        const { count, since } = waiting
        await available(forget(redis, [keys.erasure], [count, since]))
        log.info("secrets_erased", { count })
      }
    } catch (error) {
      log.debug("erasure_waits", { error: reason(error) })
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined)
  }
}

/** How many destroyed secrets have waited long enough, and since when the oldest has; undefined when none have. */
async function due(redis: Redis, delaySeconds: number): Promise<{ count: number; since: string } | undefined> {
  const [since, count] = await available(redis.hmget(keys.erasure, "since", "count"))
  if (since == null || count == null) return undefined
  const [now] = await available(redis.time())
  return Number(now) - Number(since) >= delaySeconds ? { count: Number(count), since } : undefined
}

/** Rewrites the append-only file. @returns false when it did not come to a good end */
async function rewritten(redis: Redis, signal: AbortSignal): Promise<boolean> {
  // One that began before the secret was destroyed proves nothing: ours begins after it.
  while ((await persistence(redis)).running) if (!(await pause(signal))) return false
  await available(redis.bgrewriteaof())
  while ((await persistence(redis)).running) if (!(await pause(signal))) return false
  return (await persistence(redis)).ok
}

async function persistence(redis: Redis): Promise<{ readonly running: boolean; readonly ok: boolean }> {
  const info = await available(redis.info("persistence"))
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, "m").exec(info)?.[1]
  return {
    running: field("aof_rewrite_in_progress") === "1" || field("aof_rewrite_scheduled") === "1",
    ok: field("aof_last_bgrewrite_status") === "ok",
  }
}

async function pause(signal: AbortSignal): Promise<boolean> {
  await sleep(100, undefined, { signal }).catch(() => undefined)
  return !signal.aborted
}
