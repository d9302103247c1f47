import { describe, expect, test } from "vitest"
import { runChecks, worst } from "../../src/api/health.ts"

describe("health", () => {
  test("is that of the worst part", () => {
    const [good, fair, bad] = [{ status: "healthy" }, { status: "degraded" }, { status: "unhealthy" }] as const
    expect(worst([good, good])).toBe("healthy")
    expect(worst([good, fair])).toBe("degraded")
    expect(worst([bad, fair, good])).toBe("unhealthy")
    expect(worst([])).toBe("unhealthy")
  })

  test("of a part whose check throws, rejects or hangs is unhealthy, and says nothing of the inside", async () => {
    const checks = {
      throwing: () => {
        throw new Error("connect 10.0.0.5:6379")
      },
      rejecting: () => Promise.reject(new Error("10.0.0.5")),
      hanging: () => new Promise<never>(() => {}),
      good: () => ({ status: "healthy" }) as const,
    }
    const found = await runChecks(checks, 30)
    expect(Object.fromEntries(Object.entries(found).map(([name, { status }]) => [name, status]))).toEqual({
      throwing: "unhealthy",
      rejecting: "unhealthy",
      hanging: "unhealthy",
      good: "healthy",
    })
    expect(JSON.stringify(found)).not.toContain("10.0.0.5")
  })
})
