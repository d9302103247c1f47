import { expect, test } from "vitest"
import { canonicalJson } from "../../src/platform/canonical-json.ts"
import { fc } from "../support/property.ts"

/** By the definition: every object's keys sorted, whatever their order was. */
function byDefinition(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null"
  if (Array.isArray(value)) return `[${value.map(byDefinition).join(",")}]`
  const members = Object.entries(value).filter(([, item]) => item !== undefined)
  const sorted = members.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${byDefinition(item)}`).join(",")}}`
}

test("is what the definition says, for any value and any order of keys", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value)
      expect(text).toBe(byDefinition(value))
      expect(canonicalJson(JSON.parse(text))).toBe(text)
    }),
    { numRuns: 500 },
  )
})

test.each([
  ["numbers as keys stand as text does", { 9: 1, 10: 2 }, '{"10":2,"9":1}'],
  ["so they do inside a list", [{ b: { 2: 0, 11: 0 } }], '[{"b":{"11":0,"2":0}}]'],
  [
    "a key that objects inherit",
    JSON.parse('{"__proto__":1,"a":{"constructor":2}}'),
    '{"__proto__":1,"a":{"constructor":2}}',
  ],
  ["undefined members are left out", { a: undefined, b: [undefined], c: { d: undefined } }, '{"b":[null],"c":{}}'],
  ["a toJSON of the data is data", JSON.parse('{"toJSON":"x"}'), '{"toJSON":"x"}'],
  ["an object of a class is its own members", new Date(0), "{}"],
  ["surrogates sort by code units", { "\u{1f600}": 1, "\uffff": 2 }, '{"\u{1f600}":1,"\uffff":2}'],
  ["the empty key is first", { "": 1, a: 2 }, '{"":1,"a":2}'],
])("%s", (_, value, text) => {
  expect(canonicalJson(value)).toBe(text)
})
