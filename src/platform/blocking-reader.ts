import type { Redis } from "ioredis"
import { available, untilReady } from "./redis-call.ts"
import { GatehouseError } from "../errors.ts"

/** Longest time that a read may block, milliseconds: what waits longer cannot be told from a dead connection. */
export const longestBlock = 5000

/** A connection for one blocking read at a time. */
export interface BlockingReader {
  /**
   * Runs reads that block for at most `blockMs` together. A connection that says nothing for two seconds more is destroyed and
   * replaced: a read that was parked on a lost one would never end (redis/ioredis#1285).
   * @throws GatehouseError `store_unavailable`
   */
  read<T>(blockMs: number, call: (redis: Redis) => Promise<T>): Promise<T>
  close(): void
}

/** Reader that opens its connection at the first read. */
export function blockingReader(connect: () => Redis): BlockingReader {
  let redis: Redis | undefined
  let closed = false

  const drop = () => {
    redis?.disconnect()
    redis = undefined
  }
  return {
    async read(blockMs, call) {
      if (closed) throw new GatehouseError("store_unavailable", "the store was closed")
      redis ??= connect()
      const connection = redis
      let timer: NodeJS.Timeout | undefined
      const watchdog = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          drop()
          reject(new GatehouseError("store_unavailable", "the store does not answer", { retryAfter: 2 }))
        }, blockMs + 2000)
      })
      try {
        const answered = available(untilReady(connection, 2000).then(() => call(connection)))
        return await Promise.race([answered, watchdog])
      } finally {
        clearTimeout(timer)
      }
    },
    close() {
      closed = true
      drop()
    },
  }
}
