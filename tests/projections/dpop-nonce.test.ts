import { describe, expect, it } from "vitest"
import { proofNonces } from "../../src/projections/dpop-nonce.ts"
import { randomBytes } from "node:crypto"

const masterKey = randomBytes(32).toString("base64")
/** The beginning of a minute. */
const start = 30_000_000 * 60_000

function at(ms: number, key = masterKey) {
  return proofNonces(key, () => ms)
}

describe("a nonce for proofs of possession", () => {
  it("has the form of RFC 9449 §8.1, and stays for a minute", () => {
    const nonce = at(start).current()
    expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]{22}$/)
    expect(at(start + 59_999).current()).toBe(nonce)
    expect(at(start + 60_000).current()).not.toBe(nonce)
  })

  it.each([
    ["a minute later", 60_000, true],
    ["at the end of its second minute", 119_999, true],
    ["in its third minute", 120_000, false],
    ["by a clock that is a minute behind", -60_000, true],
    ["by a clock that is two minutes behind", -60_001, false],
  ])("that was made elsewhere is taken %s: %d ms → %s", (_when, later, taken) => {
    expect(at(start + later).accepts(at(start).current())).toBe(taken)
  })

  it("moves on in one process too", () => {
    let now = start
    const nonces = proofNonces(masterKey, () => now)
    const first = nonces.current()
    now += 60_000
    const second = nonces.current()
    expect([nonces.accepts(first), nonces.accepts(second)]).toEqual([true, true])
    now += 60_000
    expect([nonces.accepts(first), nonces.accepts(second)]).toEqual([false, true])
  })

  it("cannot be made without the master key, nor from another nonce", () => {
    const other = at(start, randomBytes(32).toString("base64"))
    expect(at(start).accepts(other.current())).toBe(false)
    const [now, next, last] = [start, start + 60_000, start + 120_000].map((ms) => at(ms).current())
    expect(new Set([now, next, last]).size).toBe(3)
  })

  it.each([[undefined], [null], [""], [0], [[]], [{}], ["x".repeat(22)]])("is not %j", (value) => {
    expect(at(start).accepts(value)).toBe(false)
    expect(at(start).accepts([at(start).current()])).toBe(false)
  })
})
