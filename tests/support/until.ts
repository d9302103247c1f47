/** Waits until a condition holds. @throws Error when it does not within `ms`, which only say when to give up */
export async function until(condition: () => boolean, ms = 20_000): Promise<void> {
  const deadline = performance.now() + ms
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${condition.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
