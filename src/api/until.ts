import type { Projections } from "../projections/projections.ts"

/**
 * Waits until a condition on the projections holds; looked at now and after each event.
 * @returns false when the time passed or the signal was aborted first
 */
export function untilTrue(
  projections: Projections,
  condition: () => boolean,
  waitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (condition()) return Promise.resolve(true)
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      clearTimeout(timer)
      signal.removeEventListener("abort", abort)
      stop()
      end()
    }
    const abort = () => settle(() => resolve(false))
    const timer = setTimeout(abort, waitMs)
    const stop = projections.listen(() => {
      try {
        if (condition()) settle(() => resolve(true))
      } catch (error) {
        settle(() => reject(error))
      }
    })
    signal.addEventListener("abort", abort)
    if (signal.aborted) abort()
  })
}
