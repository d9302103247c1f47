import { describe, expect, it } from "vitest"
import { canonicalTarget } from "../../src/projections/canonical-target.ts"
import { cpuTime } from "../support/cpu-time.ts"

describe("targets that are refused", () => {
  it.each([
    ["a control byte", "/a\x01b"],
    ["a line feed", "/a\nb"],
    ["DEL", "/a\x7fb"],
    ["a blank", "/a b"],
    ["a byte above 0x7e", "/a\xe4b"],
    ["a fragment", "/a#b"],
    ["a backslash", "/a\\b"],
    ["an escape of one digit", "/a%4"],
    ["an escape that is none", "/a%zz"],
    ["a lone percent sign", "/%"],
    ["an encoded slash", "/a%2fb"],
    ["an encoded slash in upper case", "/a%2Fb"],
    ["an encoded backslash", "/a%5cb"],
    ["an encoded NUL", "/a%00"],
    ["an encoded fragment mark", "/a%23b"],
    ["an encoded question mark", "/a%3fb"],
    ["a dot segment", "/a/./b"],
    ["a dot segment at the end", "/a/."],
    ["a parent segment", "/a/../b"],
    ["a parent segment at the end", "/a/.."],
    ["only a parent segment", "/.."],
    ["an encoded parent segment", "/a/%2e%2e/b"],
    ["a half encoded parent segment", "/a/.%2E/b"],
    ["a parent segment encoded twice", "/a/%252e%252e/b"],
    ["a parent segment encoded three times", "/a/%25252e%25252e/b"],
    ["digits of the escape encoded", "/a/%25%32%65%25%32%65/b"],
    ["a parent segment before an encoded separator", "/a/..%252f..%252fb"],
    ["a parent segment with parameters", "/a/..;x=y/b"],
    ["a parent segment with empty parameters", "/a/..;/b"],
    ["a dot segment with parameters", "/a/.;x/b"],
    ["an encoded parent segment with parameters", "/a/%2e%2e;x/b"],
    ["more layers of escapes than anybody needs", "/a/%252525252525252541"],
    ["no leading slash", "a/b"],
    ["an asterisk", "*"],
    ["nothing", ""],
    ["a fragment in the query", "/a?b#c"],
    ["a blank in the query", "/a?b c"],
    ["a raw byte in the query", "/a?b\xe4"],
  ])("%s", (_, raw) => {
    expect(canonicalTarget(raw)).toBeUndefined()
  })
})

describe("targets in canonical form", () => {
  it.each([
    ["a plain path stays", "/a/b.c", "/a/b.c", ""],
    ["the query is split off first", "/a?b=/../%2f//", "/a", "b=/../%2f//"],
    ["an empty query is none", "/a?", "/a", ""],
    ["a second question mark belongs to the query", "/a?b?c", "/a", "b?c"],
    ["slashes are merged", "//a///b//", "/a/b/", ""],
    ["unreserved escapes are decoded", "/%41%7E%2d%5F", "/A~-_", ""],
    ["other escapes are kept in upper case", "/a%3bb%c3%a4", "/a%3Bb%C3%A4", ""],
    ["case is kept", "/Admin", "/Admin", ""],
    ["a trailing slash is kept", "/a/", "/a/", ""],
    ["dots inside a segment are harmless", "/a..b/...", "/a..b/...", ""],
    ["parameters are kept", "/a;v=1/b", "/a;v=1/b", ""],
    ["an escape that decodes to a percent sign is kept", "/100%25", "/100%25", ""],
    ["decoding happens once", "/%2541", "/%2541", ""],
  ])("%s", (_, raw, path, query) => {
    expect(canonicalTarget(raw)).toEqual({ path, query })
  })

  it("is the same for its own result", () => {
    for (const raw of ["//a//%41%3b", "/x%c3%a4/y", "/a;b=%2525"]) {
      const once = canonicalTarget(raw)!
      expect(canonicalTarget(once.path)?.path).toBe(once.path)
    }
  })

  it("takes no longer than a moment for a target at its limit", () => {
    for (const piece of ["%25", "/%2e", "..;", "//", "%2525"]) {
      const target = `/${piece.repeat(Math.floor(8190 / piece.length))}`
      expect(cpuTime(() => canonicalTarget(target))).toBeLessThan(50)
    }
  })
})
