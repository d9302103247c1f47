import { describe, expect, test } from "vitest"
import { orderLimits } from "../../src/effects/order-limits.ts"

const directory = "https://ca.example/dir"

function limits() {
  const clock = { at: Date.parse("2026-01-01T00:00:00Z") }
  return { clock, limits: orderLimits(() => new Date(clock.at)) }
}

const signal = () => new AbortController().signal

describe("the client's own limits", () => {
  test("a name that failed five times within an hour waits until the hour is over", async () => {
    const { clock, limits: kept } = limits()
    for (let count = 0; count < 5; count++) {
      await kept.admit(directory, ["a.example"], signal())
      kept.failed(directory, "a.example")
      clock.at += 60_000
    }
    const refused = kept.admit(directory, ["b.example", "a.example"], signal())
    await expect(refused).rejects.toMatchObject({ code: "acme_rate_limited", retryAfter: 55 * 60_000 })
    await kept.admit(directory, ["b.example"], signal())
    await kept.admit("https://other.example/dir", ["a.example"], signal())
    clock.at += 56 * 60_000
    await kept.admit(directory, ["a.example"], signal())
  })

  test("the eleventh order within ten seconds waits for its turn, and an abort ends the wait", async () => {
    const { clock, limits: kept } = limits()
    for (let count = 0; count < 10; count++) await kept.admit(directory, [`${count}.example`], signal())
    await kept.admit("https://other.example/dir", ["x.example"], signal())
    const stop = new AbortController()
    const waiting = kept.admit(directory, ["eleven.example"], stop.signal)
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" })
    clock.at += 10_001
    await kept.admit(directory, ["eleven.example"], signal())
  })

  test("a clock that was set back does not hold orders for ever", async () => {
    const { clock, limits: kept } = limits()
    for (let count = 0; count < 10; count++) await kept.admit(directory, ["a.example"], signal())
    for (let count = 0; count < 5; count++) kept.failed(directory, "a.example")
    clock.at -= 90 * 86_400_000
    await expect(kept.admit(directory, ["a.example"], signal())).resolves.toBeUndefined()
  })
})
