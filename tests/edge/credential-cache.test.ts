import { expect, it } from "vitest"
import { credentialCache } from "../../src/edge/credential-cache.ts"

const tail = "t".repeat(64)

it("knows a credential by its whole text", () => {
  const cache = credentialCache<{ text: string; worth: number }>(10)
  cache.set({ text: `head.${tail}`, worth: 1 })
  expect(cache.get(`head.${tail}`)?.worth).toBe(1)
  for (const other of [`HEAD.${tail}`, tail, `x${tail}`, `head.x${tail}`, `head.${tail}x`, "", "head."])
    expect(cache.get(other)).toBeUndefined()
})

it("of two with the same end the newer is known", () => {
  const cache = credentialCache<{ text: string }>(10)
  cache.set({ text: `a${tail}` })
  cache.set({ text: `b${tail}` })
  expect([cache.get(`a${tail}`), cache.get(`b${tail}`)?.text]).toEqual([undefined, `b${tail}`])
})

it("forgets what is deleted, and tells texts apart that are shorter than an end", () => {
  const cache = credentialCache<{ text: string }>(10)
  cache.set({ text: "a" })
  cache.set({ text: "ba" })
  cache.delete("a")
  expect([cache.get("a"), cache.get("ba")?.text]).toEqual([undefined, "ba"])
})
