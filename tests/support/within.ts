import { expect } from "vitest"

/**
 * The value of a call that has to settle within `ms`. What measures is a timer of this process, set at the same moment: on a machine
 * that is busy it is as late as the timers that end the call, and those with less to wait still come first.
 */
export async function within<T>(ms: number, call: () => Promise<T>): Promise<T> {
  let late = false
  const timer = setTimeout(() => (late = true), ms)
  try {
    return await call()
  } finally {
    clearTimeout(timer)
    expect(late, `not within ${ms} ms`).toBe(false)
  }
}
