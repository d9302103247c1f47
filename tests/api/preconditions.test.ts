import { describe, expect, test } from "vitest"
import { idempotencyKey, ifMatchVersion, noneMatch, viewTag } from "../../src/api/preconditions.ts"

describe("If-Match", () => {
  test("names one version, or any", () => {
    expect(ifMatchVersion('"17"')).toBe(17)
    expect(ifMatchVersion(viewTag(17, "{}"))).toBe(17)
    expect(ifMatchVersion("*")).toBeUndefined()
    expect(ifMatchVersion(null)).toBeUndefined()
  })
  test.each(['W/"17"', "17", '"17-"', '"17-short"', '"-17"', '"x"', '""', '"9999999999999999"'])(
    "%s can match no version",
    (header) => {
      expect(() => ifMatchVersion(header)).toThrow(expect.objectContaining({ code: "precondition_failed" }))
    },
  )
  test("with several tags is refused", () => {
    expect(() => ifMatchVersion('"1", "2"')).toThrow(expect.objectContaining({ code: "bad_request" }))
  })
})

describe("If-None-Match", () => {
  test.each([
    ['"3"', true],
    ['W/"3"', true],
    ['"2", "3"', true],
    ["*", true],
    ['"33"', false],
    ["3", false],
    [null, false],
  ] as const)("%s against version 3: %s", (header, expected) => {
    expect(noneMatch(header, '"3"')).toBe(expected)
  })
})

test("the tag of a read is another one as soon as version or text are", () => {
  const tags = [viewTag(3, "{}"), viewTag(4, "{}"), viewTag(3, "[]")]
  expect(new Set([...tags, ...tags]).size).toBe(3)
  expect(viewTag(3, "{}")).toBe(tags[0])
})

describe("Idempotency-Key", () => {
  test("is 1 to 128 printable characters", () => {
    expect(idempotencyKey("a key!")).toBe("a key!")
    expect(idempotencyKey(null)).toBeUndefined()
    for (const bad of ["", "x".repeat(129), "tab\there", "ü"])
      expect(() => idempotencyKey(bad)).toThrow(expect.objectContaining({ code: "validation_failed" }))
  })
})
