import { fc } from "../support/property.ts"
import { describe, expect, it } from "vitest"
import { GatehouseError } from "../../src/errors.ts"
import { pathRegex } from "../../src/events/path-regex.ts"

/** Patterns of the supported syntax, built piece by piece. */
const pattern = fc.letrec<{ whole: string; part: string; atom: string }>((tie) => ({
  whole: fc.oneof(
    { weight: 3, arbitrary: fc.array(tie("part"), { maxLength: 4 }).map((parts) => parts.join("")) },
    fc.tuple(tie("part"), tie("part")).map(([a, b]) => `${a}|${b}`),
  ),
  part: fc
    .tuple(tie("atom"), fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "*?", "+?"))
    .map(([atom, times]) => atom + times),
  atom: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.constantFrom("a", "b", "/", "-", ".", "\\.", "\\d", "\\w", "\\W", "\\s", "[ab]", "[^a/]", "[a-c-]", "[\\d.]"),
    tie("whole").map((inside) => `(${inside})`),
    tie("whole").map((inside) => `(?:${inside})`),
  ),
}))

const path = fc
  .array(fc.constantFrom("a", "b", "c", "/", "-", ".", "1"), { maxLength: 7 })
  .map((parts) => `/${parts.join("")}`)

// Shallow and short on both sides: the engine that this is compared with backtracks.
/** What the syntax means: the whole path, and a slash at its end does not count. */
function expected(source: string, text: string): boolean {
  const reference = new RegExp(`^(?:${source})$`, "s")
  return reference.test(text.replace(/\/$/, "")) || reference.test(text.endsWith("/") ? text : `${text}/`)
}

const length = 100_000

/** How often a character of a text is looked at while something runs. */
function charactersRead(run: () => void): number {
  const { charCodeAt } = String.prototype // oxlint-disable-line typescript/unbound-method
  let count = 0
  const counted = function counted(this: string, at: number) {
    count += 1
    return charCodeAt.call(this, at)
  }
  Reflect.set(String.prototype, "charCodeAt", counted)
  try {
    run()
  } finally {
    Reflect.set(String.prototype, "charCodeAt", charCodeAt)
  }
  return count
}

describe("a regular expression for paths", () => {
  it("matches what the usual engine matches", () => {
    fc.assert(
      fc.property(pattern.whole, fc.array(path, { minLength: 5, maxLength: 20 }), (tail, texts) => {
        const source = `/${tail}`.includes("|") ? `/(?:${tail})` : `/${tail}`
        let compiled
        try {
          compiled = pathRegex(source)
        } catch (error) {
          fc.pre(!(error instanceof GatehouseError && error.message.includes("too long")))
          throw error
        }
        for (const text of texts) expect(compiled.matches(text), `${source} on ${text}`).toBe(expected(source, text))
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ["/users/[0-9]+", "/users/12", true],
    ["/users/[0-9]+", "/users/12/", true],
    ["/users/[0-9]+/", "/users/12", true],
    ["/users/[0-9]+", "/users/12/posts", false],
    ["/users/[0-9]+", "/x/users/12", false],
    ["^/api/v[12]/.*$", "/api/v2/a/b", true],
    ["^/api/v[12]/.*$", "/api/v3/a", false],
    ["/(a|b)", "/b", true],
    ["/a|/b", "/b", true],
    ["/", "/", true],
    ["/", "/a", false],
    ["/price\\$", "/price$", true],
    ["/a%2B", "/a%2B", true],
    ["/.*", "/käse", false],
    ["/[\\]\\-]x", "/]x", true],
    [`/${"a".repeat(1000)}b?`, `/${"a".repeat(1000)}b`, true],
  ])("%s on %s: %s", (source, text, matches) => expect(pathRegex(source).matches(text)).toBe(matches))

  it.each([
    ["(?=a)", "look-ahead"],
    ["(?<!a)b", "look-behind"],
    ["(a)\\1", "a back-reference"],
    ["(?<name>a)", "a named group"],
    ["(?i)a", "a flag"],
    ["\\ba", "a word boundary"],
    ["\\p{L}", "a Unicode class"],
    ["a^b", "an anchor inside"],
    ["a$b", "an anchor inside"],
    ["(a", "an open group"],
    ["a)", "a closed group"],
    ["[a", "an open class"],
    ["[z-a]", "a range upside down"],
    ["[\\d-z]", "a range of a class"],
    ["a**", "a double repetition"],
    ["a{2}{3}", "a double repetition"],
    ["|*a", "nothing repeated"],
    ["a{3,2}", "bounds upside down"],
    ["a{,2}", "bounds without a start"],
    ["a]", "a bare bracket"],
    ["a\\", "a lone backslash"],
    ["[]", "an empty class"],
    ["ä", "another alphabet"],
    [".{129}", "too many positions"],
    ["(a{100}){100}", "too many positions"],
    ["((((.{1000}){1000}){1000}){1000}){1000}", "far too many positions"],
  ])("refuses %s: %s", (tail) => {
    expect(() => pathRegex(`/${tail}`)).toThrow(expect.objectContaining({ code: "unsupported_regex" }))
  })

  it("compiles nested nothing and deep groups without fuss", () => {
    expect(pathRegex("/(?:(?:(?:){1000}){1000}){1000}x").matches("/x")).toBe(true)
    expect(pathRegex(`/${"(".repeat(500)}a${")".repeat(500)}`).matches("/a")).toBe(true)
  })

  // What an engine that backtracks never ends with. What a character costs is bounded by the positions that a pattern may have.
  it.each([
    ["(a+)+", [true, false, false, false]],
    ["(a|a)*", [true, false, false, false]],
    ["(a|aa)*b", [false, false, false, false]],
    [".*a.{100}", [true, true, true, true]],
    ["(.*a){25}", [true, false, true, false]],
    ["(a?){50}a{50}", [false, false, false, false]],
    ["(a{0,10}){0,10}b", [false, false, false, false]],
    [".*(aa|ab|ba){8}.{8}", [true, true, false, true]],
    ["(.*.*.*.*){20}b", [false, true, false, false]],
    ["(([ab]*a?)*[ab]*){9}c", [false, false, false, false]],
    ["([^/]*/)*x", [false, false, false, false]],
  ])("looks at each character of 100 KB once, whatever it is: /%s", (tail, matches) => {
    const compiled = pathRegex(`/${tail}`)
    const texts = ["a".repeat(length), "ab".repeat(length / 2), "a/".repeat(length / 2), `${"a".repeat(length - 1)}!`]
    for (const [at, text] of texts.entries()) {
      const looks = charactersRead(() => expect(compiled.matches(`/${text}`), text.slice(-9)).toBe(matches[at]))
      expect(looks).toBeGreaterThan(0)
      expect(looks).toBeLessThanOrEqual(length + 2)
    }
  })
})
