const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Wait before each retry of one event, from the end of the attempt that failed. After the last it is a dead letter. */
const waits = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  1 * hour,
  2 * hour,
  4 * hour,
  8 * hour,
] as const

const jitter = 0.1
/** Longest `Retry-After` that is obeyed. */
const longestWait = 24 * hour
/** A webhook to which nothing got through for so long is switched off. */
export const givesUpAfterMs = 72 * hour

/**
 * Milliseconds until the next attempt at an event, or undefined when there will be none.
 * @param attempts made so far
 * @param retryAfterMs what the receiver asked for; never shortened, capped at a day
 * @param random uniform in [0, 1)
 */
export function retryWait(attempts: number, retryAfterMs: number, random: () => number): number | undefined {
  const wait = waits[attempts - 1]
  if (wait === undefined) return undefined
  return Math.round(Math.max(wait * (1 + jitter * (2 * random() - 1)), Math.min(retryAfterMs, longestWait)))
}
