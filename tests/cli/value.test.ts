import { describe, expect, test } from "vitest"
import { fieldValue } from "../../src/cli/value.ts"

describe("a field's value from text", () => {
  test.each([
    ["80", { type: "integer" }, 80],
    ["abc", { type: "integer" }, "abc"],
    ["yes", { type: "boolean" }, true],
    ["80", { type: "string" }, "80"],
    ["", { anyOf: [{ type: "string" }, { type: "null" }] }, null],
    ["null", { type: ["string", "null"] }, null],
    ["a, b  c", { type: "array" }, ["a", "b", "c"]],
    ['["a,b"]', { type: "array" }, ["a,b"]],
    ["", { type: "array" }, []],
    ['{"X-A":"1"}', { type: "object" }, { "X-A": "1" }],
    ["anything", {}, "anything"],
  ])("%j as %j", (text, schema, value) => {
    expect(fieldValue("field", text, schema)).toEqual(value)
  })

  test("is refused where it can be none", () => {
    expect(() => fieldValue("field", "{", { type: "object" })).toThrow(expect.objectContaining({ exitCode: 2 }))
    expect(() => fieldValue("field", "perhaps", { type: "boolean" })).toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})
