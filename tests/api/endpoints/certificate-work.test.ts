import { type RunningApi, conforming, issue, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
})
afterAll(() => api.stop())

const base = "/api/v1/certificates"
const create = (cert_name: string, domain: string, extra: object = {}) =>
  api.call("POST", base, { cert_name, domain, ...extra }, {}, alice)

describe("the status of a certificate", () => {
  test("shows the work on it", async () => {
    await create("status", "status.example.com", { email: "a@example.com" })
    const shown = async () =>
      conforming("getCertificateStatus", (await api.call("GET", `${base}/status/status`, undefined, {}, alice)).body)
    expect(await shown()).toMatchObject({
      status: "pending",
      generation: { state: "accepted", attempt: 0 },
      expires_at: null,
    })
    await api.report("StartAttempt", { cert_name: "status", directory_url: "https://ca.example/dir" })
    const next_attempt_at = new Date(Date.now() + 60_000).toISOString()
    await api.report("RecordAttemptFailed", {
      cert_name: "status",
      step: "order",
      code: "acme_rate_limited",
      detail: "slow down",
      next_attempt_at,
    })
    expect(await shown()).toMatchObject({
      status: "failed",
      generation: {
        state: "waiting_retry",
        step: "order",
        attempt: 1,
        next_attempt_at,
        last_error: { code: "acme_rate_limited" },
      },
    })
    expect((await api.call("GET", `${base}/status/status`, undefined, {}, bob)).status).toBe(403)
    expect((await api.call("GET", `${base}/none/status`, undefined, {}, bob)).status).toBe(404)
  })

  test("with wait answers when the work ends", async () => {
    await create("waited", "waited.test")
    const answer = api.call("GET", `${base}/waited/status?wait=true&timeout=10`, undefined, {}, alice)
    await issue(api, "waited")
    expect((await answer).body).toMatchObject({ status: "active", generation: { state: "completed" } })
    expect((await api.call("GET", `${base}/waited/status?wait=true`, undefined, {}, alice)).body["status"]).toBe(
      "active",
    )
  })

  test("with wait answers as it is when the time is over, and that the certificate is gone when it goes", async () => {
    await create("slow", "slow.test")
    const began = performance.now()
    const late = await api.call("GET", `${base}/slow/status?wait=true&timeout=1`, undefined, {}, alice)
    expect(late.body).toMatchObject({ status: "pending" })
    expect(performance.now() - began).toBeGreaterThan(900)
    const gone = api.call("GET", `${base}/slow/status?wait=true&timeout=10`, undefined, {}, alice)
    await api.call("DELETE", `${base}/slow`, undefined, {}, alice)
    expect((await gone).status).toBe(404)
    expect((await api.call("GET", `${base}/waited/status?wait=true&timeout=601`, undefined, {}, alice)).status).toBe(
      422,
    )
  })
})

describe("what is asked of a certificate again and again", () => {
  test("is not sent again while it is the same", async () => {
    await create("asked", "asked.example.com", { email: "a@example.com" })
    const get = (part: string, headers = {}) => api.call("GET", `${base}/asked/${part}`, undefined, headers, alice)
    for (const part of ["status", "coverage"]) {
      const etag = (await get(part)).headers.get("etag")!
      expect(etag, part).toMatch(/^"\d+-[\w-]{16}"$/)
      expect((await get(part, { "if-none-match": etag })).status, part).toBe(304)
    }
    const before = { status: await get("status"), coverage: await get("coverage") }
    await api.report("StartAttempt", { cert_name: "asked", directory_url: "https://ca.example/dir" })
    const target_url = "http://93.184.216.34"
    await api.call("POST", "/api/v1/proxy/targets", { hostname: "asked.example.com", target_url }, {}, alice)
    for (const part of ["status", "coverage"] as const) {
      const again = await get(part, { "if-none-match": before[part].headers.get("etag")! })
      expect(again.status, part).toBe(200)
      expect(again.body, part).not.toEqual(before[part].body)
    }
  })
})

describe("renewing", () => {
  test("does nothing before it is due, and joins what is running", async () => {
    await create("renewed", "renewed.test")
    await issue(api, "renewed")
    const renew = (body: object) => api.call("POST", `${base}/renewed/renew`, body, {}, alice)
    const early = await renew({})
    conforming("renewCertificate", early.body)
    expect([early.status, early.body["renewed"]]).toEqual([200, false])
    const forced = await renew({ force: true })
    conforming("renewCertificate", forced.body)
    expect([forced.status, forced.body["status"], forced.headers.get("location")]).toEqual([
      202,
      "renewing",
      `${base}/renewed/status`,
    ])
    const { position } = await api.store.head()
    const joined = await renew({ force: true })
    expect([joined.status, joined.body]).toEqual([202, forced.body])
    expect((await api.store.head()).position).toBe(position)
    expect((await api.call("POST", `${base}/renewed/renew`, undefined, {}, bob)).status).toBe(403)
  })

  test("of one that is due begins without force", async () => {
    await create("due", "due.test")
    await api.report("StartAttempt", { cert_name: "due", directory_url: null })
    const issued_at = new Date(Date.now() - 80 * 86_400_000).toISOString()
    const expires_at = new Date(Date.now() + 10 * 86_400_000).toISOString()
    const secrets = { "cert-key-due": api.seal("cert-key-due", "key") }
    await api.report(
      "RecordIssued",
      {
        cert_name: "due",
        fullchain_pem: "pem",
        key_ref: "cert-key-due",
        issued_at,
        expires_at,
        fingerprint_sha256: "0",
      },
      secrets,
    )
    const { status, body } = await api.call("POST", `${base}/due/renew`, undefined, {}, alice)
    expect([status, body["status"]]).toEqual([202, "renewing"])
  })
})

describe("converting to production", () => {
  test("replaces a staging certificate, which is served meanwhile", async () => {
    await create("staged", "staged.example.com", { staging: true, email: "a@example.com" })
    await issue(api, "staged")
    const shown = async () => (await api.call("GET", `${base}/staged`, undefined, {}, alice)).body
    expect(await shown()).toMatchObject({ environment: "staging", status: "active" })
    const { status, body } = await api.call("POST", `${base}/staged/convert-to-production`, undefined, {}, alice)
    conforming("convertCertificate", body)
    expect([status, body["status"]]).toEqual([202, "replacing"])
    expect(await shown()).toMatchObject({ environment: "staging", status: "replacing", serving: true })
    await issue(api, "staged")
    expect(await shown()).toMatchObject({ environment: "production", status: "active" })
    const again = await api.call("POST", `${base}/staged/convert-to-production`, undefined, {}, alice)
    expect([again.status, again.body["status"]]).toEqual([200, "active"])
  })

  test("is impossible for one of the internal CA", async () => {
    await create("inner", "inner.test")
    const { status, body } = await api.call("POST", `${base}/inner/convert-to-production`, undefined, {}, alice)
    expect([status, body["code"]]).toEqual([409, "invalid_state"])
  })
})

test("coverage tells which hosts a certificate covers, and which of its names nobody uses", async () => {
  const domains = ["*.cov.internal", "cov.internal", "idle.internal"]
  await api.call("POST", `${base}/multi-domain`, { cert_name: "cov", domains }, {}, alice)
  const proxy = (hostname: string, extra: object) =>
    api.call("POST", "/api/v1/proxy/targets", { hostname, target_url: "http://93.184.216.34", ...extra }, {}, alice)
  await proxy("a.cov.internal", { cert_name: "cov" })
  await proxy("cov.internal", { enable_https: false })
  await proxy("b.a.cov.internal", { enable_https: false })
  const { body } = await api.call("GET", `${base}/COV/coverage`, undefined, {}, alice)
  conforming("getCertificateCoverage", body)
  expect(body).toEqual({
    domains,
    covered: [
      { hostname: "a.cov.internal", match: "wildcard", attached: true },
      { hostname: "cov.internal", match: "exact", attached: false },
    ],
    attachable: ["cov.internal"],
    uncovered_domains: ["idle.internal"],
  })
  expect((await api.call("GET", `${base}/cov/coverage`, undefined, {}, bob)).status).toBe(403)
})
