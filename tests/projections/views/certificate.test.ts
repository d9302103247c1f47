import { describe, expect, test } from "vitest"
import type { Certificate, CertificateEvent } from "../../../src/events/certificate.ts"
import { certificateStatus, generationView } from "../../../src/projections/views/certificate.ts"
import { evolveCertificate } from "../../../src/events/certificate.ts"

const id = "web"
const day = (count: number) => new Date(Date.parse("2026-01-01T00:00:00.000Z") + count * 86_400_000).toISOString()
const at = (event: Omit<CertificateEvent, "id">, on: number) => ({ event: { ...event, id } as CertificateEvent, on })

const requested = at(
  {
    type: "CertificateRequested",
    data: {
      cert_name: id,
      domains: ["example.com"],
      email: null,
      issuer: "acme",
      acme_directory_url: "https://ca.example/dir",
      environment: "staging",
      key_type: "rsa",
      owner: "alice",
    },
  },
  0,
)
const started = (on: number) =>
  at({ type: "CertificateAttemptStarted", data: { attempt: 1, directory_url: "https://ca.example/dir" } }, on)
const issued = (on: number) =>
  at(
    {
      type: "CertificateIssued",
      data: {
        fullchain_pem: "",
        key_ref: "k",
        issued_at: day(on),
        expires_at: day(on + 90),
        fingerprint_sha256: "",
        environment: "staging",
      },
    },
    on,
  )
const failed = (on: number, next: number | null) =>
  at(
    {
      type: "CertificateAttemptFailed",
      data: {
        step: "order",
        code: "acme_rate_limited",
        detail: "wait",
        next_attempt_at: next === null ? null : day(next),
      },
    },
    on,
  )
const renewal = (on: number) => at({ type: "CertificateRenewalRequested", data: { reason: "manual" } }, on)
const conversion = (on: number) =>
  at(
    {
      type: "CertificateConversionRequested",
      data: { acme_directory_url: "https://ca.example/p", environment: "production" },
    },
    on,
  )

function after(...events: ReturnType<typeof at>[]): Certificate {
  return events.reduce<Certificate | undefined>(
    (state, { event, on }) => evolveCertificate(state, event, day(on)),
    undefined,
  )!
}

describe("the status of a certificate", () => {
  const served = [requested, started(0), issued(0)]
  test.each([
    ["requested", [requested], 0, "pending"],
    ["in its first attempt", [requested, started(0)], 0, "pending"],
    ["issued", served, 1, "active"],
    ["whose first attempt failed", [requested, started(0), failed(0, 2)], 1, "failed"],
    ["whose next attempt is due", [requested, started(0), failed(0, 2)], 2, "pending"],
    ["refused for good", [requested, started(0), failed(0, null)], 5, "failed"],
    ["refused for good and renewed", [requested, started(0), failed(0, null), renewal(5)], 5, "pending"],
    ["being renewed", [...served, renewal(60)], 61, "renewing"],
    ["being converted", [...served, conversion(1)], 1, "replacing"],
    ["whose renewal failed", [...served, renewal(60), started(60), failed(60, 62)], 61, "active"],
    ["whose renewal is tried again", [...served, renewal(60), started(60), failed(60, 62)], 62, "renewing"],
    [
      "whose conversion is tried again",
      [...served, conversion(60), started(60), failed(60, 62), started(63)],
      63,
      "replacing",
    ],
    ["that ran out", served, 90, "expired"],
    ["that ran out while being renewed", [...served, renewal(89), started(89)], 91, "expired"],
    ["renewed after it ran out", [...served, renewal(95)], 95, "renewing"],
    ["renewed after it ran out, in vain", [...served, renewal(95), started(95), failed(95, 97)], 96, "expired"],
    ["renewed after it ran out, with success", [...served, renewal(95), started(95), issued(95)], 96, "active"],
  ] as const)("%s", (_, events, now, status) => {
    expect(certificateStatus(after(...events), day(now))).toBe(status)
  })

  test("keeps the last error while the old certificate is served", () => {
    const state = after(...served, renewal(60), started(60), failed(60, 62))
    expect(generationView(state.generation, day(61), 300)).toEqual({
      state: "waiting_retry",
      step: "order",
      attempt: 1,
      next_attempt_at: day(62),
      last_error: { code: "acme_rate_limited", detail: "wait" },
    })
  })

  test("shows ended work until the retention is over", () => {
    const { generation } = after(...served)
    expect(generationView(generation, new Date(Date.parse(day(0)) + 300_000).toISOString(), 300).state).toBe(
      "completed",
    )
    expect(generationView(generation, new Date(Date.parse(day(0)) + 300_001).toISOString(), 300).state).toBe("idle")
  })
})
