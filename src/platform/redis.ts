import { Redis } from "ioredis"
import { type Logger, reason } from "./log.ts"

/** `command` connections give up a call after {@link commandDeadline}; `blocking` ones wait for as long as the call says. */
export type RedisPurpose = "command" | "blocking"

/** Opens one more connection to the configured Redis; what takes it must `disconnect()` it. */
export type ConnectRedis = (name: string, purpose: RedisPurpose) => Redis

/** Milliseconds after which a call on a `command` connection fails. */
const commandDeadline = 1500

/**
 * One connection that reconnects for ever and never sends a command twice: a call that was cut fails, and its caller finds out
 * what became of it. Nothing is queued while there is no connection.
 * @param url with credentials; it goes nowhere but into the client
 * @param name shown by CLIENT LIST
 */
export function connectRedis(url: string, name: string, purpose: RedisPurpose, log: Logger): Redis {
  const redis = new Redis(url, {
    connectionName: name,
    replyMapping: "legacy",
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2000,
    disconnectTimeout: 100,
    retryStrategy: (times) => Math.min(25 * 2 ** Math.min(times, 10), 2000),
    ...(purpose === "command" && { commandTimeout: commandDeadline, socketTimeout: commandDeadline + 100 }),
  })
  redis.setMaxListeners(0) // one for each call that waits until it is ready
  let lost = false
  redis.on("error", (error: Error) => {
    if (!lost) log.warning("redis_lost", { connection: name, error: reason(error) })
    lost = true
  })
  redis.on("ready", () => {
    if (lost) log.info("redis_back", { connection: name })
    lost = false
  })
  return redis
}
