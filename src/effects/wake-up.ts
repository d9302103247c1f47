/** A pause that can be cut short. A ring during work shortens the next pause. @param signal ends it for good */
export function wakeUp(signal: AbortSignal) {
  let rung = Promise.withResolvers<void>()
  signal.addEventListener("abort", () => rung.resolve(), { once: true })
  return {
    ring: () => rung.resolve(),
    async next(atMostMs: number): Promise<void> {
      const timer = setTimeout(() => rung.resolve(), atMostMs)
      await rung.promise
      clearTimeout(timer)
      rung = Promise.withResolvers()
      if (signal.aborted) rung.resolve()
    },
  }
}
