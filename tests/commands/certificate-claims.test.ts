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
