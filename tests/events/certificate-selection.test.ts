import {
  type CertificateCandidate,
  dropCandidate,
  emptyIndex,
  putCandidate,
  selectCertificate,
} from "../../src/events/certificate-selection.ts"
import { describe, expect, it } from "vitest"

const now = Date.parse("2026-06-01T00:00:00Z")
type Environment = CertificateCandidate["material"]["environment"]

function certificate(
  name: string,
  domains: string[],
  change: { owner?: string; expires?: string; environment?: Environment } = {},
): CertificateCandidate {
  return {
    cert_name: name,
    domains,
    owner: change.owner ?? "alice",
    material: {
      expires_at: `${change.expires ?? "2026-09-01"}T00:00:00Z`,
      environment: change.environment ?? "production",
    },
  }
}

/** Name of the selected certificate. */
function selected(
  candidates: CertificateCandidate[],
  cert_name: string | null = null,
  hostname = "h.a.test",
  owner = "alice",
) {
  const index = emptyIndex()
  for (const candidate of candidates) putCandidate(index, candidate)
  return selectCertificate(index, hostname, { cert_name, owner }, (name) => name === "admin", now)?.cert_name
}

const good = certificate("good", ["h.a.test"])

describe("step 1: the attached certificate", () => {
  it("wins, whoever owns it and whatever is better", () => {
    const attached = certificate("Attached", ["*.a.test"], { owner: "bob", environment: "staging" })
    expect(selected([good, attached], "ATTACHED")).toBe("Attached")
  })
  it("does not when it does not cover the host, or has expired, or is not there", () => {
    expect(selected([good, certificate("x", ["b.test"])], "x")).toBe("good")
    expect(selected([good, certificate("x", ["h.a.test"], { expires: "2026-05-31" })], "x")).toBe("good")
    expect(selected([good], "gone")).toBe("good")
  })
})

describe("step 2: the best of the same owner's or an administrator's", () => {
  it.each([
    ["exact before wildcard", certificate("a-wild", ["*.a.test"], { expires: "2027-01-01" })],
    [
      "production before internal",
      certificate("a-internal", ["h.a.test"], { environment: "internal", expires: "2027-01-01" }),
    ],
    [
      "production before staging",
      certificate("a-staging", ["h.a.test"], { environment: "staging", expires: "2027-01-01" }),
    ],
    ["the latest expiry", certificate("a-early", ["h.a.test"], { expires: "2026-08-31" })],
    ["the lowest name", certificate("z", ["h.a.test"])],
    ["not another owner's", certificate("a-foreign", ["h.a.test"], { owner: "bob", expires: "2027-01-01" })],
    ["not an expired one", certificate("a-old", ["h.a.test"], { expires: "2026-05-31" })],
    ["not a wildcard of another level", certificate("a-deep", ["*.test"], { expires: "2027-01-01" })],
  ])("%s", (_, worse) => {
    expect(selected([worse, good])).toBe("good")
    expect(selected([good, worse])).toBe("good")
  })
  it("internal comes before staging", () => {
    const staging = certificate("a", ["h.a.test"], { environment: "staging" })
    expect(selected([staging, certificate("b", ["h.a.test"], { environment: "internal" })])).toBe("b")
  })
  it("an administrator's counts like an own one", () => {
    expect(selected([certificate("c", ["h.a.test"], { owner: "admin", expires: "2027-01-01" }), good])).toBe("c")
  })
  it("a wildcard covers exactly one label", () => {
    const wild = certificate("w", ["*.a.test"])
    expect(selected([wild])).toBe("w")
    expect(selected([wild], null, "a.test")).toBeUndefined()
    expect(selected([wild], null, "x.h.a.test")).toBeUndefined()
  })
})

describe("step 3: expired ones, rather than none", () => {
  const old = certificate("old", ["h.a.test"], { expires: "2026-05-01" })
  it("the attached one first, then the best of the others", () => {
    expect(selected([old])).toBe("old")
    expect(selected([old, certificate("older", ["h.a.test"], { expires: "2026-04-01" })], "older")).toBe("older")
    expect(selected([old, certificate("older", ["h.a.test"], { expires: "2026-04-01" })])).toBe("old")
  })
  it("never one that does not cover the host, or is another owner's", () => {
    expect(selected([certificate("x", ["b.test"], { expires: "2026-05-01" })], "x")).toBeUndefined()
    expect(selected([certificate("x", ["h.a.test"], { owner: "bob" })])).toBeUndefined()
  })
})

it("a host of Gatehouse's own uses only an administrator's", () => {
  const index = emptyIndex()
  putCandidate(index, good)
  expect(selectCertificate(index, "h.a.test", undefined, (name) => name === "admin", now)).toBeUndefined()
  putCandidate(index, certificate("admins", ["h.a.test"], { owner: "admin" }))
  expect(selectCertificate(index, "h.a.test", undefined, (name) => name === "admin", now)?.cert_name).toBe("admins")
})

it("a replaced or dropped candidate leaves nothing behind", () => {
  const index = emptyIndex()
  putCandidate(index, certificate("Same", ["a.test", "b.test"]))
  putCandidate(index, certificate("same", ["b.test"]))
  expect([...index.byDomain.keys()]).toEqual(["b.test"])
  dropCandidate(index, "SAME")
  expect(index.byDomain.size + index.byName.size).toBe(0)
})
