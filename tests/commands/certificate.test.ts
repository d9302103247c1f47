import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

const acme = { domains: ["mcp.example.com"], cert_name: "web" }
const issued = (key_ref: string, days = 90, from = "2026-01-01T00:00:00.000Z") => ({
  cert_name: "web",
  fullchain_pem: "PEM",
  key_ref,
  issued_at: from,
  expires_at: new Date(Date.parse(from) + days * 86_400_000).toISOString(),
  fingerprint_sha256: "ab",
})
const attempt = (directory_url = "https://ca.example/dir"): [string, unknown, typeof system][] => [
  ["StartAttempt", { cert_name: "web", directory_url }, system],
  ["RecordOrder", { cert_name: "web", order_url: `${directory_url}/order/1` }, system],
  [
    "PublishChallenge",
    { cert_name: "web", domain: "mcp.example.com", token: "tok", key_authorization: "tok.thumb" },
    system,
  ],
]
const finish = (key_ref: string, days?: number): [string, unknown, typeof system][] => [
  ["SaveKey", { cert_name: "web", key_ref, csr_pem: "CSR" }, system],
  ["RecordIssued", issued(key_ref, days), system],
]

describe("requesting a certificate", () => {
  it.each([
    [{ domains: ["mcp.test"] }, "internal", null],
    [{ domains: ["10.0.0.1"] }, "internal", null],
    [{ domains: ["*.internal-site.internal"] }, "internal", null],
    [{ domains: ["mcp.example.com"] }, "acme", "https://ca.example/dir"],
    [{ domains: ["mcp.test"], staging: true }, "acme", "https://staging.ca.example/dir"],
    [{ domains: ["mcp.test"], issuer: "acme" }, "acme", "https://ca.example/dir"],
  ])("chooses issuer and directory for %j", (request, issuer, directory) => {
    const { when, world } = decider()
    expect(when("CreateCertificate", { cert_name: "c", ...request }).events).toEqual(["CertificateRequested"])
    expect(find(world, "certificate", "c")).toMatchObject({ issuer, acme_directory_url: directory })
  })

  it.each([
    [{ domains: ["*.example.com"] }, "wildcard_requires_dns01"],
    [{ domains: ["a.test", "b.example.com"] }, "issuer_not_applicable"],
    [{ domains: ["10.0.0.1"], issuer: "acme" }, "issuer_not_applicable"],
    [{ domains: ["a.test", "a.test"] }, "validation_failed"],
    [{ domains: ["a.test", "A.TEST"] }, "validation_failed"],
    [{ domains: [] }, "validation_failed"],
    [{ domains: ["-bad-.test"] }, "validation_failed"],
    [{ domains: ["a.test"], cert_name: "multi-domain" }, "reserved_name"],
    [{ domains: ["a.test"], surprise: 1 }, "validation_failed"],
    [{ domains: ["a.test"], owner: "nobody" }, "validation_failed"],
  ])("refuses %j", (request, code) => {
    expect(decider().when("CreateCertificate", request).refused).toBe(code)
  })

  it("needs an e-mail from the request, the token or the administrator", () => {
    const bare = decider({ adminEmail: null })
    expect(bare.given(token("bob")).when("CreateCertificate", acme, owner("bob")).refused).toBe("email_required")
    const withToken = decider({ adminEmail: null }).given(token("bob", "bob@example.com"))
    expect(withToken.when("CreateCertificate", acme, owner("bob")).events).toEqual(["CertificateRequested"])
  })

  it("leaves other owners' hosts and foreign directories alone", () => {
    const { given } = decider()
    const { when } = given(token("alice"), token("bob"), [
      "CreateProxy",
      { hostname: "a.test", target_url: "http://backend.example" },
      owner("alice"),
    ])
    expect(when("CreateCertificate", { domains: ["*.test"] }, owner("bob")).refused).toBe("domain_claimed")
    expect(when("CreateCertificate", { domains: ["a.test"], cert_name: "x" }, owner("bob")).refused).toBe(
      "domain_claimed",
    )
    expect(
      when("CreateCertificate", { ...acme, acme_directory_url: "https://other.example/dir" }, owner("bob")).refused,
    ).toBe("directory_not_allowed")
    expect(when("CreateCertificate", { domains: ["a.test"], cert_name: "x" }, admin).events).toEqual([
      "CertificateRequested",
    ])
  })
})

describe("a generation", () => {
  it("goes from request to material, and destroys the old key with the new one's commit", () => {
    const { given, world } = decider()
    const { when } = given(["CreateCertificate", acme], ...attempt(), ...finish("key-1"))
    expect(find(world, "certificate", "web")).toMatchObject({
      material: { key_ref: "key-1", environment: "production" },
      generation: { state: "completed", challenges: [] },
    })
    expect(when("RenewCertificate", { cert_name: "web" }).decided).toMatchObject({
      events: [],
      result: { renewed: false },
    })
    const second = given(["RenewCertificate", { cert_name: "web", force: true }], ...attempt(), finish("key-2")[0]!)
    expect(find(world, "certificate", "web")).toMatchObject({
      material: { key_ref: "key-1" },
      generation: { purpose: "renew" },
    })
    expect(second.when(...finish("key-2")[1]!).decided?.unlink).toEqual(["key-1"])
  })

  it("joins a run that is open instead of doubling it", () => {
    const { given } = decider()
    expect(given(["CreateCertificate", acme]).when("RenewCertificate", { cert_name: "web" }).decided).toMatchObject({
      events: [],
      result: { renewed: true },
    })
  })

  it("waits for its next attempt, and a renew resets the waiting", () => {
    const { given, world } = decider()
    const failure = {
      cert_name: "web",
      step: "validation",
      code: "acme_authorization_failed",
      detail: "no answer",
      next_attempt_at: "2026-01-01T01:00:00.000Z",
    }
    const { when } = given(["CreateCertificate", acme], ...attempt(), ["RecordAttemptFailed", failure, system])
    expect(find(world, "certificate", "web")?.generation).toMatchObject({
      state: "waiting_retry",
      attempt: 1,
      challenges: [],
      last_error: { code: "acme_authorization_failed" },
    })
    expect(when("RenewCertificate", { cert_name: "web" }).events).toEqual(["CertificateRenewalRequested"])
    expect(find(world, "certificate", "web")?.generation).toMatchObject({
      state: "accepted",
      attempt: 0,
      purpose: "issue",
    })
  })

  it("refuses late reports of work that was aborted", () => {
    const { given } = decider()
    const { when } = given(["CreateCertificate", acme], ...attempt(), ["DeleteCertificate", { cert_name: "web" }])
    expect(when(...finish("key-1")[0]!).refused).toBe("not_found")
    expect(when(...finish("key-1")[1]!).refused).toBe("not_found")
  })

  it("does not let a staging attempt complete a conversion to production", () => {
    const { given, world } = decider()
    const staging = "https://staging.ca.example/dir"
    const { when } = given(["CreateCertificate", { ...acme, staging: true }], ...attempt(staging), [
      "SaveKey",
      { cert_name: "web", key_ref: "key-1", csr_pem: "CSR" },
      system,
    ])
    const converted = when("ConvertCertificate", { cert_name: "web" })
    expect(converted.events).toEqual(["CertificateConversionRequested"])
    expect(converted.decided?.unlink).toEqual(["key-1"])
    expect(when("RecordIssued", issued("key-1"), system).refused).toBe("invalid_state")
    expect(
      given(...attempt(staging)).when("SaveKey", { cert_name: "web", key_ref: "key-2", csr_pem: "CSR" }, system).events,
    ).toEqual(["CertificateKeySaved"])
    expect(when("RecordIssued", issued("key-2"), system).refused).toBe("invalid_state")
    expect(find(world, "certificate", "web")?.material).toBeNull()
  })

  it("is due at a third of the lifetime or at the threshold, whichever is later", () => {
    const short = decider()
    short.given(["CreateCertificate", acme], ...attempt(), ...finish("key-1", 6))
    short.advance(3.9 * 86_400_000)
    expect(short.when("RequestDueRenewal", { cert_name: "web" }, system).events).toEqual([])
    short.advance(0.2 * 86_400_000)
    expect(short.when("RequestDueRenewal", { cert_name: "web" }, system).events).toEqual([
      "CertificateRenewalRequested",
    ])
    expect(short.when("RequestDueRenewal", { cert_name: "web" }, system).events).toEqual([])
  })
})

describe("deleting a certificate", () => {
  it("detaches it from its proxies and destroys the key", () => {
    const { given, world } = decider()
    const { when } = given(["CreateCertificate", acme], ...attempt(), ...finish("key-1"), [
      "CreateProxy",
      { hostname: "mcp.example.com", target_url: "http://backend.example" },
    ])
    expect(find(world, "proxy", "mcp.example.com")?.cert_name).toBe("web")
    const answer = when("DeleteCertificate", { cert_name: "WEB" })
    expect(answer.events).toEqual(["ProxyUpdated", "CertificateDeleted"])
    expect(answer.decided?.unlink).toEqual(["key-1"])
    expect(find(world, "proxy", "mcp.example.com")?.cert_name).toBeNull()
  })

  it("is for its owner", () => {
    const { given } = decider()
    const { when } = given(token("bob"), ["CreateCertificate", acme])
    for (const type of ["DeleteCertificate", "RenewCertificate", "ConvertCertificate", "RecordKeyDownload"])
      expect(when(type, { cert_name: "web" }, owner("bob")).refused).toBe("not_owner")
    expect(when("StartAttempt", { cert_name: "web", directory_url: null }, owner("bob")).refused).toBe("admin_required")
  })
})
