import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import type { Redis } from "ioredis"

/** Runs one atomic script. What KEYS, ARGV and the reply mean stands at the head of its Lua file. */
export type RedisScript = (
  redis: Redis,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>

/** Loads `lua/<name>.lua`. */
export function redisScript(name: string): RedisScript {
  const source = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8")
  const digest = createHash("sha1").update(source).digest("hex")
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...args)
    } catch (error) {
      // A Redis that was restarted has forgotten the script and has executed nothing.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error
      return redis.eval(source, keys.length, ...keys, ...args)
    }
  }
}
