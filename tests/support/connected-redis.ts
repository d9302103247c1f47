import type { Redis } from "ioredis"
import { connectRedis } from "../../src/platform/redis.ts"
import { logger } from "../../src/platform/log.ts"
import { untilReady } from "../../src/platform/redis-call.ts"

const quiet = logger(
  "CRITICAL",
  () => new Date(),
  () => undefined,
)

/** A `command` connection that stands: what asks over one that is being made waits a part of a second, and a busy machine takes longer. */
export async function connectedRedis(url: string, name: string, log = quiet): Promise<Redis> {
  const redis = connectRedis(url, name, "command", log)
  await untilReady(redis, 20_000)
  return redis
}
