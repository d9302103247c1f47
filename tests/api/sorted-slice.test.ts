import { expect, it } from "vitest"
import { fc } from "../support/property.ts"
import { sortedSlice } from "../../src/api/sorted-slice.ts"

const order = (a: number, b: number) => a - b

it("gives what a sort gives, whatever the order of the items", () => {
  const numbers = fc.uniqueArray(fc.integer(), { maxLength: 600, size: "max" })
  fc.assert(
    fc.property(numbers, fc.nat(700), fc.nat(200), (items, from, count) => {
      const before = items.slice()
      expect(sortedSlice(items, from, from + count, order)).toEqual(items.toSorted(order).slice(from, from + count))
      expect(items).toEqual(before)
    }),
  )
})

it.each([
  ["ascending", (at: number) => at],
  ["descending", (at: number) => -at],
  ["organ pipes", (at: number) => Math.abs(2500 - at) * 2 + (at > 2500 ? 1 : 0)],
  ["shuffled", (at: number) => (at * 2_654_435_761) % 4_294_967_296],
])("looks at each of 5,000 items in %s order a few times only", (_, value) => {
  const items = Array.from({ length: 5000 }, (_one, at) => value(at))
  for (const from of [0, 2400, 4900]) {
    let comparisons = 0
    const counted = (a: number, b: number) => {
      comparisons += 1
      return a - b
    }
    expect(sortedSlice(items, from, from + 100, counted)).toEqual(items.toSorted(order).slice(from, from + 100))
    expect(comparisons).toBeLessThan(45_000)
  }
})
