import type { Redis } from "ioredis"
import { GatehouseError } from "../errors.ts"
import { reason } from "./log.ts"

/** Waits at most `waitMs` until commands may be sent. @throws GatehouseError `store_unavailable` */
export function untilReady(redis: Redis, waitMs: number): Promise<void> {
  if (redis.status === "ready") return Promise.resolve()
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer)
      redis.off("ready", settle).off("end", settle)
      if (redis.status === "ready") resolve()
      else reject(unavailable("does not answer"))
    }
    const timer = setTimeout(settle, waitMs)
    redis.on("ready", settle).on("end", settle)
  })
}

/**
 * The value of a call that is not waited for longer than `ms`. What has arrived by then counts, however late it is: where this
 * process itself stood still, the store was not silent. @throws GatehouseError `store_unavailable`
 */
export async function soon<T>(call: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  // In a turn of the event loop timers come before what was received.
  const timer = setTimeout(() => setImmediate(() => late.reject(unavailable("does not answer"))), ms)
  timer.unref()
  try {
    return await Promise.race([call, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** First word of the replies that mean: the store cannot do this now, whatever the command. */
const refusals =
  /^-?(READONLY|LOADING|MISCONF|OOM|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|BUSY|UNBLOCKED)\b/
/** What the client says when it has no connection, lost it, or got no answer in time. */
const silences =
  /^(Command timed out|Command aborted|Connection is closed|Stream isn't writeable|Reached the max retries|Socket (timeout|closed)|connect E)/

/**
 * The value of a Redis call. Everything that says "not now" becomes `store_unavailable`; a fault of ours is thrown on, without
 * the command's arguments, which may hold ciphertext or a password.
 */
export async function available<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof GatehouseError) throw error
    const text = reason(error)
    const refusal = refusals.exec(text)?.[1]
    if (refusal !== undefined) throw unavailable(`refuses writes or reads: ${refusal}`)
    const { code } = error as NodeJS.ErrnoException
    if (silences.test(text) || (code !== undefined && /^E[A-Z]+$/.test(code))) throw unavailable("does not answer")
    throw error instanceof Error && "command" in error ? new Error(`Redis: ${text}`) : error
  }
}

function unavailable(how: string): GatehouseError {
  return new GatehouseError("store_unavailable", `the store ${how}`, { retryAfter: 2 })
}
