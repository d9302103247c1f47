import { describe, expect, it } from "vitest"
import { hasLookalike, lookalikes, readJson } from "../../../src/edge/mcp/strict-json.ts"
import { fc } from "../../support/property.ts"

const fault = (text: string | Buffer) => {
  const read = readJson(Buffer.from(text))
  return read.ok ? "fine" : read.fault
}

describe("strict JSON", () => {
  it("is every value that JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const read = readJson(Buffer.from(JSON.stringify(value)))
        expect(read.ok && JSON.stringify(read.value)).toBe(JSON.stringify(value))
      }),
    )
  })

  it("refuses a member that stands twice, at any depth and however it is escaped", () => {
    for (const text of [
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '[{"b":{"c":[{"d":1,"e":2,"d":3}]}}]',
      '{"__proto__":1,"__proto__":2}',
      '{"":0,"":0}',
      '{"a\\"b":1,"a\\u0022b":2}',
    ])
      expect(fault(text), text).toBe("duplicate_key")
  })

  it("takes colons and brackets inside of strings for what they are", () => {
    for (const text of ['{"a:b":"{:[\\"}:\\\\"}', '["::{{\\\\\\":"]', '":"', '{"__proto__":{"constructor":1}}'])
      expect(fault(text), text).toBe("fine")
  })

  it("refuses what is no UTF-8, no JSON or too deep", () => {
    expect(fault(Buffer.from([0x22, 0xc3, 0x28, 0x22]))).toBe("not_utf8")
    expect(fault(Buffer.from('"\xed\xa0\x80"', "latin1"))).toBe("not_utf8")
    for (const text of [
      "",
      " ",
      "{",
      '{"a":1}}',
      "{'a':1}",
      "[1,]",
      "NaN",
      "\ufeff{}",
      '{"a":1}{"a":1}',
      '{"a":1}\0',
      '"\t"',
    ])
      expect(fault(text), text).toBe("not_json")
    expect(fault("[".repeat(256) + "]".repeat(256))).toBe("fine")
    expect(fault("[".repeat(257) + "]".repeat(257))).toBe("too_deep")
    expect(fault("[".repeat(1_000_000))).toBe("too_deep")
  })

  it("never throws, and agrees with JSON.parse on what it lets pass", () => {
    const bits = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      '"',
      ":",
      ",",
      "\\",
      "a",
      '"a"',
      "1",
      "\\u0061",
      " ",
      "\n",
      "é",
      "null",
    )
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 30 }), (parts) => {
        const text = parts.join("")
        const read = readJson(Buffer.from(text))
        if (read.ok) expect(read.value).toEqual(JSON.parse(text))
        else if (read.fault === "not_json") expect(() => JSON.parse(text)).toThrow()
      }),
      { numRuns: 5000 },
    )
  })

  it("knows the names that lax parsers take for another", () => {
    const names = lookalikes("params", "task")
    for (const name of ["Params", "PARAMS", "param\u017f", "tas\u212a"])
      expect(hasLookalike({ [name]: 1 }, names)).toBe(true)
    for (const name of ["params", "task", "param", "params "]) expect(hasLookalike({ [name]: 1 }, names)).toBe(false)
  })
})
