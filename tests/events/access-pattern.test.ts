import { describe, expect, it } from "vitest"
import { emailPatternError, foldAscii, readAddress, readEmailPattern } from "../../src/events/access-pattern.ts"
import { cpuTime } from "../support/cpu-time.ts"
import { fc } from "../support/property.ts"

describe("an e-mail rule", () => {
  it("is an address, a domain, the subdomains of one, or anybody", () => {
    expect(readEmailPattern("Alice@Example.COM")).toEqual({ type: "address", local: "alice", domain: "example.com" })
    expect(readEmailPattern("*@Example.com")).toEqual({ type: "domain", domain: "example.com" })
    expect(readEmailPattern("*.example.com")).toEqual({ type: "subdomains", domain: "example.com" })
    expect(readEmailPattern("*@*.example.com")).toEqual({ type: "subdomains", domain: "example.com" })
    expect(readEmailPattern("*")).toEqual({ type: "any" })
  })

  it("with a star anywhere else, or without the form of an address, is refused with a reason", () => {
    for (const odd of [
      "a*@example.com",
      "*a@example.com",
      "**",
      "*@",
      "*.",
      "*@*",
      "*@*.",
      "a@*.com",
      "*@ex*mple.com",
      "*.*.com",
      "*@@example.com",
      "",
      "@",
      "a@",
      "@example.com",
      "example.com",
      "a@b@example.com",
      "a b@example.com",
      "a@example..com",
      "a@-x.com",
      "a@.com",
      "a@example.com.",
      "a@exa mple.com",
      "a\n@example.com",
      "*@exämple.com",
      "*@example.com\n",
      " *@example.com",
      "*example.com",
      `*@${"a.".repeat(200)}com`,
    ])
      expect(emailPatternError(odd), JSON.stringify(odd)).toMatch(/is none of/)
  })

  it("that is usable has no error", () => {
    for (const fine of ["a@example.com", "a+b@localhost", "*@example.com", "*.example.com", "*@*.example.com", "*"])
      expect(emailPatternError(fine)).toBeUndefined()
  })

  it("never takes long, whatever it is", () => {
    for (const odd of ["a".repeat(320), "a-".repeat(160), `*@${"a.".repeat(159)}!`, "@".repeat(320)])
      expect(cpuTime(() => emailPatternError(odd))).toBeLessThan(50)
  })
})

describe("folding", () => {
  it("touches the letters A to Z only", () => {
    expect(foldAscii("\u212Aelvin İ É ABC")).toBe("\u212Aelvin İ É abc")
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        (text) => foldAscii(foldAscii(text)) === foldAscii(text) && foldAscii(text).length === text.length,
      ),
    )
  })

  it("of an address gives its two parts or nothing", () => {
    expect(readAddress("A.B@Example.com")).toEqual({ local: "a.b", domain: "example.com" })
    for (const odd of ["", "a", "a@b@c", "a@", "@b", '"a@b"@c', "a@example.com\n", "a@exa_mple.com"])
      expect(readAddress(odd)).toBeUndefined()
  })
})
