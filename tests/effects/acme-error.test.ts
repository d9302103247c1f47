import { AcmeError, readProblem, refusalOf, retryAfterOf } from "../../src/effects/acme-error.ts"
import { describe, expect, test } from "vitest"

const now = new Date("2026-01-01T00:00:00Z")

describe("Retry-After", () => {
  test.each([
    ["120", 120_000],
    [" 7 ", 7000],
    ["99999999999", 86_400_000],
    ["Thu, 01 Jan 2026 00:10:00 GMT", 600_000],
    ["Fri, 01 Jan 2027 00:00:00 GMT", 86_400_000],
    ["Thu, 01 Jan 2026 00:00:00.5 GMT", 1000],
  ])("%s is read and kept within a second and a day", (header, milliseconds) => {
    expect(retryAfterOf(header, now)).toBe(milliseconds)
  })

  test.each([undefined, "", "0", "-1", "1.5", "1e3", "soon", "2026-01-02", "Wed, 31 Dec 2025 23:59:59 GMT", "0x10"])(
    "%s is ignored",
    (header) => {
      expect(retryAfterOf(header, now)).toBeUndefined()
    },
  )
})

describe("a refusal", () => {
  const problem = (type: string) => readProblem({ type: `urn:ietf:params:acme:error:${type}`, detail: "because" })

  test.each([
    [429, undefined, "acme_rate_limited", false],
    [403, "rateLimited", "acme_rate_limited", false],
    [500, undefined, "acme_unreachable", false],
    [503, "serverInternal", "acme_unreachable", false],
    [400, "accountDoesNotExist", "acme_account_lost", false],
    [400, "rejectedIdentifier", "acme_order_invalid", true],
    [403, "externalAccountRequired", "acme_order_invalid", true],
    [403, "userActionRequired", "acme_order_invalid", false],
    [404, undefined, "acme_bad_answer", false],
  ])("%i %s is %s", (status, type, code, permanent) => {
    expect(refusalOf(status, type === undefined ? undefined : problem(type), undefined)).toMatchObject({
      code,
      permanent,
    })
  })

  test("names what is wrong with each identifier", () => {
    const inner = { type: "urn:ietf:params:acme:error:caa", detail: "CAA forbids" }
    const outer = { type: "urn:ietf:params:acme:error:compound", detail: "two problems", subproblems: [inner, "junk"] }
    expect(readProblem(outer)?.detail).toBe("two problems; caa: CAA forbids")
  })

  test.each([null, "text", 7, {}, { type: "about:blank" }, { type: 5 }])("%j is no problem document", (value) => {
    expect(readProblem(value)).toBeUndefined()
  })

  test("puts no control bytes and no novel into the log", () => {
    const { message } = new AcmeError("acme_bad_answer", `a\u001b[31m\r\nb${"x".repeat(5000)}`)
    expect(message).toMatch(/^a \[31m bx+$/)
    expect(message).toHaveLength(500)
  })
})
