/** A stopwatch that goes while this process runs. */
export interface RunningTime {
  /** Milliseconds since its start, without those in which the process was kept from running. */
  readonly ms: number
  stop(): void
}

const stepMs = 10

/**
 * Starts a stopwatch of small steps: a step that comes late counts as one. So it never shows more than the time that has passed, and a
 * deadline that is kept is one on a busy machine too.
 */
export function runningTime(): RunningTime {
  let steps = 0
  const timer = setInterval(() => (steps += 1), stepMs).unref()
  return {
    get ms() {
      return steps * stepMs
    },
    stop: () => clearInterval(timer),
  }
}
