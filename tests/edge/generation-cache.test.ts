import { describe, expect, it } from "vitest"
import { fc } from "../support/property.ts"
import { generationCache } from "../../src/edge/generation-cache.ts"

describe("a generation cache", () => {
  it("keeps what is used and forgets what is not", () => {
    const cache = generationCache<number>(3)
    cache.set("kept", 0)
    for (let at = 1; at < 50; at++) {
      cache.set(`other-${at}`, at)
      expect(cache.get("kept")).toBe(0)
    }
    expect(cache.get("other-1")).toBeUndefined()
    expect(cache.get("other-49")).toBe(49)
  })

  it("never answers wrongly and never holds more than twice its limit", () => {
    const key = fc.integer({ min: 0, max: 12 }).map(String)
    const step = fc.tuple(fc.constantFrom("get", "set", "delete"), key, fc.integer())
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
        const cache = generationCache<number>(limit)
        const truth = new Map<string, number>()
        const right = steps.every(([action, key, value]) => {
          if (action === "get") return [undefined, truth.get(key)].includes(cache.get(key))
          if (action === "delete") {
            cache.delete(key)
            return truth.delete(key) || !truth.has(key)
          }
          cache.set(key, value)
          return truth.set(key, value).has(key)
        })
        expect(right).toBe(true)
        const held = [...truth.keys()].filter((key) => cache.get(key) !== undefined)
        expect(held.length).toBeLessThanOrEqual(2 * limit)
      }),
    )
  })

  it("returns what was just set, and not after a delete", () => {
    const cache = generationCache<string>(1)
    cache.set("a", "1")
    cache.set("b", "2")
    expect([cache.get("a"), cache.get("b")]).toContain("2")
    cache.delete("a")
    cache.delete("b")
    expect([cache.get("a"), cache.get("b")]).toEqual([undefined, undefined])
  })
})
