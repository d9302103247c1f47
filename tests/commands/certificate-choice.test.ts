import { admin, decider, owner, system, token } from "../support/decider.ts"
import { describe, expect, it } from "vitest"
import { find } from "../../src/events/world.ts"

const day = 86_400_000
const start = Date.parse("2026-01-01T00:00:00.000Z")
const [alice, bob] = [owner("alice"), owner("bob")]
const target_url = "http://backend.example:8080"

type Tools = ReturnType<typeof decider>

function issued(tools: Tools, cert_name: string, request: object, actor = admin, days = 90): void {
  tools.given(["CreateCertificate", { cert_name, email: "a@example.com", ...request }, actor])
  const { acme_directory_url: directory_url, issuer } = find(tools.world, "certificate", cert_name)!
  const key_ref = `key-${cert_name}`
  const material = {
    fullchain_pem: "PEM",
    key_ref,
    issued_at: new Date(start).toISOString(),
    expires_at: new Date(start + days * day).toISOString(),
    fingerprint_sha256: "ab",
  }
  tools.given(["StartAttempt", { cert_name, directory_url }, system])
  if (issuer === "acme") tools.given(["SaveKey", { cert_name, key_ref, csr_pem: "CSR" }, system])
  tools.given(["RecordIssued", { cert_name, ...material }, system])
}

/** What a new proxy of alice's gets. */
const given = (tools: Tools, hostname: string, actor = alice) =>
  tools.when("CreateProxy", { hostname, target_url, cert_email: "a@example.com" }, actor).decided?.result

describe("a new proxy takes the certificate that a handshake would get", () => {
  const setting = () => {
    const tools = decider()
    tools.given(token("alice"), token("bob"))
    return tools
  }

  it("the exact one before a wildcard, however long that lives", () => {
    const tools = setting()
    issued(tools, "wide", { domains: ["*.x.internal"] }, admin, 900)
    issued(tools, "exact", { domains: ["a.x.internal"] }, alice, 10)
    expect(given(tools, "a.x.internal")).toEqual({ certificate_status: "existing", cert_name: "exact" })
    expect(given(tools, "b.x.internal")).toEqual({ certificate_status: "existing", cert_name: "wide" })
    expect(given(tools, "c.b.x.internal")).toMatchObject({ certificate_status: "started" })
  })

  it("production before internal before staging, then the one that lives longest, then the lowest name", () => {
    const tools = setting()
    const domains = ["a.test"]
    issued(tools, "staged", { domains, staging: true }, alice, 900)
    issued(tools, "inner", { domains }, alice, 800)
    expect(given(tools, "a.test")).toMatchObject({ cert_name: "inner" })
    tools.given(["DeleteProxy", { hostname: "a.test" }])
    for (const [name, days] of [
      ["short", 10],
      ["long-b", 20],
      ["long-a", 20],
    ] as const)
      issued(tools, name, { domains, issuer: "acme" }, alice, days)
    expect(given(tools, "a.test")).toMatchObject({ cert_name: "long-a" })
  })

  it("none of another owner, none that has expired", () => {
    const tools = setting()
    issued(tools, "bobs", { domains: ["a.internal"] }, bob)
    issued(tools, "over", { domains: ["a.internal"] }, alice, 1)
    tools.advance(2 * day)
    expect(given(tools, "a.internal")).toEqual({ certificate_status: "started", cert_name: "proxy-a-internal" })
  })

  it("one that is on its way only of its own", () => {
    const tools = setting()
    tools.given(["CreateCertificate", { cert_name: "proxy-a-internal", domains: ["a.internal"] }, bob])
    expect(given(tools, "a.internal")).toEqual({ certificate_status: "started", cert_name: "proxy-a-internal-2" })
    tools.given(["CreateCertificate", { cert_name: "proxy-b-internal", domains: ["b.internal"] }, alice])
    expect(given(tools, "b.internal")).toEqual({ certificate_status: "started", cert_name: "proxy-b-internal" })
  })

  it("and asks for none again when HTTPS is on already", () => {
    const tools = setting()
    given(tools, "a.internal")
    tools.given(["DeleteCertificate", { cert_name: "proxy-a-internal" }, alice])
    const on = { hostname: "a.internal", changes: { enable_https: true } }
    expect(tools.when("UpdateProxy", on, alice).events).toEqual([])
    tools.given(["UpdateProxy", { hostname: "a.internal", changes: { enable_https: false } }, alice])
    expect(tools.when("UpdateProxy", on, alice).events).toEqual(["CertificateRequested", "ProxyUpdated"])
  })
})

describe("a certificate", () => {
  const email = ({ world }: Tools, name: string) => find(world, "certificate", name)?.email

  it("is on account of the e-mail in the request, else of its token, else of the administrator", () => {
    const tools = decider()
    tools.given(token("alice", "alice@example.com"), token("bob"))
    const create = (cert_name: string, actor: typeof admin, more = {}): [string, unknown, typeof admin] => [
      "CreateCertificate",
      { cert_name, domains: [`${cert_name}.example.com`], ...more },
      actor,
    ]
    tools.given(create("one", alice, { email: "own@example.com" }), create("two", alice), create("three", bob))
    tools.given(create("four", admin, { owner: "alice" }))
    expect(["one", "two", "three", "four"].map((name) => email(tools, name))).toEqual([
      "own@example.com",
      "alice@example.com",
      "admin@example.com",
      "alice@example.com",
    ])
  })

  it("of production is not converted, and not taken from another owner's proxy by force alone", () => {
    const tools = decider()
    tools.given(token("alice"), token("bob"))
    issued(tools, "web", { domains: ["a.example.com"] }, alice)
    expect(tools.when("ConvertCertificate", { cert_name: "web" }, alice)).toMatchObject({
      events: [],
      decided: { result: { converted: false } },
    })
    tools.given(
      ["CreateProxy", { hostname: "b.example.com", target_url, enable_https: false }, bob],
      ["UpdateProxy", { hostname: "b.example.com", changes: { cert_name: "web" }, force: true }],
    )
    const remove = { cert_name: "web", force: true }
    expect(tools.when("DeleteCertificate", remove, alice).refused).toBe("in_use")
    expect(tools.when("DeleteCertificate", { cert_name: "web" }).refused).toBe("in_use")
    expect(tools.when("DeleteCertificate", remove).events).toEqual(["ProxyUpdated", "CertificateDeleted"])
  })
})
