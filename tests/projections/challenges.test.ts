import { beforeEach, expect, it } from "vitest"
import { type TestProjections, testProjections } from "../support/projections.ts"
import { challenges } from "../../src/projections/challenges.ts"

let projections: TestProjections

beforeEach(() => {
  projections = testProjections()
  projections.append("certificate", "one", "CertificateRequested", {
    cert_name: "One",
    domains: ["a.test", "b.test"],
    email: null,
    issuer: "acme",
    acme_directory_url: "https://ca.test/dir",
    environment: "production",
    key_type: "rsa",
    owner: "alice",
  })
})
const publish = (token: string) =>
  projections.append("certificate", "one", "CertificateChallengePublished", {
    domain: "a.test",
    token,
    key_authorization: `${token}.key`,
  })

it("knows every open challenge, from before its start and after", () => {
  publish("t1")
  const read = challenges(projections, Date.now)
  publish("t2")
  expect(read.keyAuthorization("t1")).toBe("t1.key")
  expect(read.keyAuthorization("t2")).toBe("t2.key")
  expect(read.keyAuthorization("t3")).toBeUndefined()
  expect(read.keyAuthorization("__proto__")).toBeUndefined()
})

it("answers none for more than an hour, however long its run is left alone", () => {
  let now = 0
  const read = challenges(projections, () => now)
  publish("t1")
  now += 3_000_000
  publish("t2")
  expect(read.keyAuthorization("t1")).toBe("t1.key")
  now += 600_001
  expect(read.keyAuthorization("t1")).toBeUndefined()
  expect(read.keyAuthorization("t2")).toBe("t2.key")
})

it.each([
  [
    "failed",
    { type: "CertificateAttemptFailed", data: { step: "validation", code: "x", detail: "y", next_attempt_at: null } },
  ],
  ["deleted", { type: "CertificateDeleted", data: { cert_name: "One" } }],
  [
    "issued",
    {
      type: "CertificateIssued",
      data: {
        fullchain_pem: "",
        key_ref: "k",
        issued_at: "2026-01-01T00:00:00Z",
        expires_at: "2026-04-01T00:00:00Z",
        fingerprint_sha256: "f",
        environment: "production",
      },
    },
  ],
])("forgets them when the certificate is %s", (_, { type, data }) => {
  const read = challenges(projections, Date.now)
  publish("t1")
  projections.append("certificate", "one", type, data)
  expect(read.keyAuthorization("t1")).toBeUndefined()
})
