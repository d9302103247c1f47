import { CertificateDomain, HostName, covers } from "../../src/events/values.ts"
import { describe, expect, it } from "vitest"
import { fc } from "../support/property.ts"

describe("a host name", () => {
  it.each([
    ["MCP.Example.COM", "mcp.example.com"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["localhost", "localhost"],
    [`${"a".repeat(63)}.test`, `${"a".repeat(63)}.test`],
  ])("%s is kept as %s", (given, kept) => {
    expect(HostName.parse(given)).toBe(kept)
  })

  it.each([
    "",
    "nodot",
    ".a.test",
    "a.test.",
    "a..test",
    "*.a.test",
    "a.test:443",
    "http://a.test",
    "a/b.test",
    "a b.test",
    "-a.test",
    "a-.test",
    "1.2.3.4",
    "0x7f.1",
    "2130706433",
    "[::1]",
    "a_b.test",
    "a%2e.test",
    "a.test\u0000",
    "user@a.test",
    `${"a".repeat(64)}.test`,
    `${"a.".repeat(130)}test`,
  ])("%j is refused", (given) => {
    expect(HostName.safeParse(given).success).toBe(false)
  })

  it("is the same however it is written: a plain one skips the URL parser, one in capitals does not", () => {
    const part = fc.oneof(fc.stringMatching(/^[a-z0-9-]{0,4}$/), fc.constantFrom("xn--a", "xn--bcher-kva", "0x7f", "1"))
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."))
    const reading = (text: string) => HostName.safeParse(text).data
    fc.assert(
      fc.property(name, (text) => reading(text) === reading(text.toUpperCase())),
      { numRuns: 3000 },
    )
  })
})

describe("a certificate's domain", () => {
  it.each([
    ["*.Example.com", "*.example.com"],
    ["*.test", "*.test"],
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
  ])("%s is kept as %s", (given, kept) => {
    expect(CertificateDomain.parse(given)).toBe(kept)
  })

  it.each(["*", "*.", "*.com", "a.*.test", "**.a.test", "*a.test", "*.1.2.3.4", "999.1.1.1"])(
    "%j is refused",
    (given) => {
      expect(CertificateDomain.safeParse(given).success).toBe(false)
    },
  )

  it("covers exactly one label with a wildcard", () => {
    expect(covers("*.a.test", "x.a.test")).toBe(true)
    expect(covers("*.a.test", "a.test")).toBe(false)
    expect(covers("*.a.test", "x.y.a.test")).toBe(false)
    expect(covers("a.test", "a.test")).toBe(true)
  })
})
