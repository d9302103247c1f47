import { describe, expect, test } from "vitest"
import { nextAttemptAt } from "../../src/effects/backoff.ts"

const start = new Date("2026-01-01T00:00:00Z")
const middle = () => 0.5
const failed = { startedAt: start, generationStartedAt: start, now: start, random: middle }
const minutesUntil = (date: Date | null) => (date!.getTime() - start.getTime()) / 60_000

describe("the wait before a retry", () => {
  test.each([
    [1, 1],
    [2, 5],
    [3, 10],
    [4, 20],
    [5, 30],
    [6, 60],
    [7, 60],
    [8, 120],
    [9, 180],
    [10, 360],
    [50, 360],
  ])("after attempt %i is %i minutes", (attempt, minutes) => {
    expect(minutesUntil(nextAttemptAt({ ...failed, attempt }))).toBe(minutes)
  })

  test("counts from the start of the attempt", () => {
    const now = new Date(start.getTime() + 45_000)
    expect(minutesUntil(nextAttemptAt({ ...failed, attempt: 1, now }))).toBe(1)
  })

  test("is never in the past, however long the attempt took", () => {
    const now = new Date(start.getTime() + 600_000)
    expect(nextAttemptAt({ ...failed, attempt: 1, now })).toEqual(now)
  })

  test("differs by up to a tenth", () => {
    expect(minutesUntil(nextAttemptAt({ ...failed, attempt: 3, random: () => 0 }))).toBeCloseTo(9)
    expect(minutesUntil(nextAttemptAt({ ...failed, attempt: 3, random: () => 0.999999 }))).toBeCloseTo(11)
  })

  test("is never shorter than the CA asked for", () => {
    expect(minutesUntil(nextAttemptAt({ ...failed, attempt: 1, retryAfter: 3_600_000 }))).toBe(60)
    expect(minutesUntil(nextAttemptAt({ ...failed, attempt: 10, retryAfter: 1000 }))).toBe(360)
  })

  test("ends thirty days after the generation began", () => {
    const day = 86_400_000
    const at = (days: number) => ({
      startedAt: new Date(start.getTime() + days * day),
      now: new Date(start.getTime() + days * day),
    })
    expect(nextAttemptAt({ ...failed, ...at(29.5), attempt: 100 })).not.toBeNull()
    expect(nextAttemptAt({ ...failed, ...at(29.9), attempt: 100 })).toBeNull()
  })
})
