import { admin, decider, owner, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"

describe("certificates for Gatehouse's own hosts", () => {
  const { when } = decider().given(token("alice"))

  it.each(["auth.localhost", "localhost", "*.localhost"])("an owner gets none that is good for %s", (domain) => {
    for (const [cert_name, domains] of [
      ["mine", [domain]],
      ["more", ["a.internal", domain]],
    ])
      expect(when("CreateCertificate", { cert_name, domains, issuer: "internal" }, owner("alice")).refused).toBe(
        "domain_claimed",
      )
  })

  it("an administrator does, and an owner those beside them", () => {
    expect(when("CreateCertificate", { cert_name: "own", domains: ["auth.localhost"] }, admin).events).toEqual([
      "CertificateRequested",
    ])
    expect(
      when("CreateCertificate", { cert_name: "side", domains: ["x.auth.localhost"] }, owner("alice")).events,
    ).toEqual(["CertificateRequested"])
  })
})

describe("certificates of the internal authority, which machines trust for every name", () => {
  const { when } = decider().given(token("alice"))
  let count = 0
  const ask = (domains: string[], actor = owner("alice")) =>
    when("CreateCertificate", { cert_name: `c${(count += 1)}`, domains, issuer: "internal" }, actor)

  it.each(["www.example.com", "*.example.com", "8.8.8.8", "2001:4860:4860::8888", "x.localhost.example.com"])(
    "an owner gets none for %s, alone or among others; an administrator does",
    (domain) => {
      expect(ask([domain]).refused).toBe("admin_required")
      expect(ask(["mine.internal", domain]).refused).toBe("admin_required")
      expect(ask([domain], admin).refused).toBeUndefined()
    },
  )

  it.each(["mine.internal", "*.mine.test", "mine.localhost", "10.0.0.1", "fd00::1"])(
    "an owner gets one for %s",
    (domain) => {
      expect(ask([domain]).events).toEqual(["CertificateRequested"])
    },
  )
})

it("a whole local domain is certified for administrators alone: the next host there may be another owner's", () => {
  const { when } = decider().given(token("alice"))
  const wildcard = (domain: string, actor = owner("alice")) =>
    when("CreateCertificate", { cert_name: "w", domains: ["a.internal", domain] }, actor).refused
  expect(wildcard("*.internal")).toBe("admin_required")
  expect(wildcard("*.test")).toBe("admin_required")
  expect(wildcard("*.internal", admin)).toBeUndefined()
})
