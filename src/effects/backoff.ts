const minute = 60_000
const hour = 60 * minute

/** Wait before each retry, from the start of the attempt that failed; the last one repeats. */
const waits = [
  1 * minute,
  5 * minute,
  10 * minute,
  20 * minute,
  30 * minute,
  1 * hour,
  1 * hour,
  2 * hour,
  3 * hour,
  6 * hour,
] as const

const givesUpAfter = 30 * 24 * hour
const jitter = 0.1

/** What the next due time follows from. */
export interface FailedAttempt {
  /** Attempts made so far, this one included. */
  readonly attempt: number
  readonly startedAt: Date
  /** Begin of the generation: 30 days later nobody tries any more. */
  readonly generationStartedAt: Date
  readonly now: Date
  /** Milliseconds that the CA asked for; never shortened. */
  readonly retryAfter?: number | undefined
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** Instant of the next attempt, or null when there will be none. */
export function nextAttemptAt(failed: FailedAttempt): Date | null {
  const wait = waits[Math.min(failed.attempt, waits.length) - 1]!
  const spread = 1 + jitter * (2 * failed.random() - 1)
  const next = Math.max(failed.startedAt.getTime() + wait * spread, failed.now.getTime() + (failed.retryAfter ?? 0))
  return next > failed.generationStartedAt.getTime() + givesUpAfter ? null : new Date(Math.round(next))
}
