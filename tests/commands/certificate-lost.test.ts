import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

const target_url = "http://backend.example:8080"
const alice = owner("alice")
const bob = owner("bob")

/** What the worker reports of a certificate by the internal authority. */
function issue({ when }: Pick<ReturnType<typeof decider>, "when">, cert_name: string): void {
  when("StartAttempt", { cert_name, directory_url: null }, system)
  const material = {
    fullchain_pem: "PEM",
    key_ref: `key-of-${cert_name}`,
    fingerprint_sha256: cert_name,
    issued_at: "2026-01-01T00:00:00.000Z",
    expires_at: "2026-04-01T00:00:00.000Z",
  }
  expect(when("RecordIssued", { cert_name, ...material }, system).events).toEqual(["CertificateIssued"])
}

/** Alice has a certificate for names where no proxy is. */
function certified(...domains: string[]) {
  const made = decider().given(token("alice"), token("bob"))
  made.when("CreateCertificate", { cert_name: "hers", domains, issuer: "internal" }, alice)
  return {
    ...made,
    created: (hostname: string, by = bob) =>
      made.when("CreateProxy", { hostname, target_url, enable_https: false }, by),
  }
}

describe("a certificate whose host another owner took", () => {
  it.each([[["shop.internal"]], [["a.internal", "shop.internal"]], [["*.internal.test", "shop.internal"]]])(
    "of %j is not renewed, and its key is not shown any more",
    (domains) => {
      const { when, created } = certified(...domains)
      issue({ when }, "hers")
      expect(when("RecordKeyDownload", { cert_name: "hers" }, alice).events).toEqual(["CertificateKeyDownloaded"])
      expect(when("RenewCertificate", { cert_name: "hers", force: true }, alice).events).toEqual([
        "CertificateRenewalRequested",
      ])
      issue({ when }, "hers")
      created("shop.internal")
      for (const actor of [alice, admin, system])
        expect(when("RenewCertificate", { cert_name: "hers", force: true }, actor).refused).toBe("domain_claimed")
      expect(when("RecordKeyDownload", { cert_name: "hers" }, alice).refused).toBe("domain_claimed")
      expect(when("RecordKeyDownload", { cert_name: "hers" }, admin).events).toEqual(["CertificateKeyDownloaded"])
    },
  )

  it("may cover it by a wildcard", () => {
    const { when, created } = certified("*.team.internal")
    issue({ when }, "hers")
    created("other.internal")
    expect(when("RecordKeyDownload", { cert_name: "hers" }, alice).refused).toBeUndefined()
    created("shop.team.internal")
    expect(when("RecordKeyDownload", { cert_name: "hers" }, alice).refused).toBe("domain_claimed")
  })

  it("is renewed again when the host is free", () => {
    const { when, created } = certified("shop.internal")
    issue({ when }, "hers")
    created("shop.internal")
    expect(when("RenewCertificate", { cert_name: "hers", force: true }, alice).refused).toBe("domain_claimed")
    when("DeleteProxy", { hostname: "shop.internal" }, bob)
    expect(when("RenewCertificate", { cert_name: "hers", force: true }, alice).refused).toBeUndefined()
  })

  it("stays as it was where the owner's own proxy is, and an administrator's certificate always", () => {
    const { when, created } = certified("shop.internal")
    issue({ when }, "hers")
    created("shop.internal", alice)
    expect(when("RecordKeyDownload", { cert_name: "hers" }, alice).refused).toBeUndefined()
    when("CreateCertificate", { cert_name: "all", domains: ["*.internal"] }, admin)
    issue({ when }, "all")
    expect(when("RenewCertificate", { cert_name: "all", force: true }, admin).refused).toBeUndefined()
  })
})

describe("the certificate of a proxy that changes hands", () => {
  const handedOver = { hostname: "shop.internal", changes: {}, owner: "bob" }

  it("goes with it when it is for that host alone", () => {
    const made = decider()
    const { when } = made.given(token("alice"), token("bob"))
    when("CreateProxy", { hostname: "shop.internal", target_url }, alice)
    issue({ when }, "proxy-shop-internal")
    expect(when("UpdateProxy", handedOver).events).toEqual(["ProxyReassigned", "CertificateReassigned"])
    expect(find(made.world, "certificate", "proxy-shop-internal")?.owner).toBe("bob")
    expect(when("RecordKeyDownload", { cert_name: "proxy-shop-internal" }, alice).refused).toBe("not_owner")
    expect(when("RecordKeyDownload", { cert_name: "proxy-shop-internal" }, bob).refused).toBeUndefined()
  })

  it("stays and is renewed while it serves other hosts too, but shows its key to no owner", () => {
    const { when } = decider().given(token("alice"), token("bob"))
    when("CreateCertificate", { cert_name: "both", domains: ["shop.internal", "mine.internal"] }, alice)
    issue({ when }, "both")
    for (const hostname of ["shop.internal", "mine.internal"])
      when("CreateProxy", { hostname, target_url, cert_name: "both" }, alice)
    expect(when("UpdateProxy", handedOver).events).toEqual(["ProxyReassigned"])
    expect(when("RenewCertificate", { cert_name: "both", force: true }, alice).refused).toBeUndefined()
    expect(when("RecordKeyDownload", { cert_name: "both" }, alice).refused).toBe("domain_claimed")
    expect(when("RecordKeyDownload", { cert_name: "both" }, bob).refused).toBe("not_owner")
  })
})
