import { describe, expect, it } from "vitest"
import { pathPatternError } from "../../src/events/path-pattern.ts"

describe("a plain pattern", () => {
  it.each(["/", "/api", "/api/", "/a/b.c/~d", "/a;v=1/b", "/caf%C3%A9", "/a@b:c", "/...", "/.well-known/x"])(
    "may be %s",
    (pattern) => expect(pathPatternError(pattern)).toBeUndefined(),
  )

  it.each([
    ["api", "no slash at the start"],
    ["", "nothing"],
    ["/a?b", "a query"],
    ["/a#b", "a fragment"],
    ["//a", "an empty segment"],
    ["/a//b", "an empty segment"],
    ["/a/../b", "a dot segment"],
    ["/.", "a dot segment"],
    ["/..;x/b", "a dot segment with parameters"],
    ["/a%2fb", "an escape in lower case"],
    ["/a%2Fb", "an encoded slash"],
    ["/a%5Cb", "an encoded backslash"],
    ["/a%00", "a NUL"],
    ["/a%41", "an escape that nothing needs"],
    ["/a%7E", "an escape that nothing needs"],
    ["/a%", "half an escape"],
    ["/a b", "a blank"],
    ["/käse", "a letter that paths have encoded"],
    ["/a\\b", "a backslash"],
    ["/a\u0000", "a control character"],
  ])("must not be %j: %s", (pattern) => expect(pathPatternError(pattern)).toBeTypeOf("string"))
})
