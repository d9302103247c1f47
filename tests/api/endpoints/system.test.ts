import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Health } from "../../../src/api/health.ts"

let api: RunningApi
const part: { state: Health } = { state: { status: "healthy" } }
beforeAll(async () => {
  api = await runningApi({ checks: { part: () => part.state }, perMinute: 60 })
})
afterAll(() => api.stop())

describe("health", () => {
  test("shows everybody the state, and administrators the parts", async () => {
    const open = await api.call("GET", "/health", undefined, {}, null)
    conforming("getHealth", open.body)
    expect([open.status, open.body]).toEqual([200, { status: "healthy" }])
    expect((await api.call("GET", "/health", undefined, {}, "wrong-token")).body).toEqual({ status: "healthy" })
    const full = await api.call("GET", "/health")
    conforming("getHealth", full.body)
    expect(full.body).toMatchObject({
      checks: { part: { status: "healthy" }, projections: { status: "healthy" } },
      https_enabled: false,
    })
    expect(full.headers.get("cache-control")).toBe("no-store")
  })

  test("follows its parts", async () => {
    part.state = { status: "degraded", detail: "one expired" }
    expect([(await api.call("GET", "/health", undefined, {}, null)).status]).toEqual([200])
    expect((await api.call("GET", "/health", undefined, {}, null)).body).toEqual({ status: "degraded" })
    part.state = { status: "unhealthy" }
    const down = await api.call("GET", "/health", undefined, {}, null)
    expect([down.status, down.body]).toEqual([503, { status: "unhealthy" }])
    part.state = { status: "healthy" }
    expect((await api.call("GET", "/health", undefined, {}, null)).status).toBe(200)
  })
})

test("statistics count by kind and status", async () => {
  await api.call("POST", "/api/v1/proxy/targets", { hostname: "s.internal", target_url: "http://93.184.216.34" })
  const { status, body } = await api.call("GET", "/api/v1/stats")
  conforming("getStats", body)
  expect(status).toBe(200)
  expect(body).toMatchObject({
    tokens: 1,
    certificates: { total: 1, by_status: { pending: 1, active: 0 }, by_issuer: { internal: 1, acme: 0 } },
    proxies: { total: 1, enabled: 1, https: 1, protected: 0, mcp: 0 },
    services: { total: 0, by_status: { running: 0 } },
    requests: { last_minute: { total: 0, per_second: 0, by_status: {} } },
    position: (await api.store.head()).position,
    hash: (await api.store.head()).hash,
  })
})

test("the OpenAPI document is served to everybody", async () => {
  const { status, body } = await api.call("GET", "/api/v1/openapi.json", undefined, {}, null)
  expect([status, body["openapi"]]).toEqual([200, "3.1.0"])
})

test("too many requests of one address are told to wait; health never", async () => {
  const answers = await Promise.all(
    Array.from({ length: 80 }, () => api.call("GET", "/api/v1/tokens", undefined, {}, null)),
  )
  const limited = answers.filter(({ status }) => status === 429)
  expect(limited.length).toBeGreaterThan(15)
  expect(limited[0]!.body["code"]).toBe("rate_limited")
  expect(Number(limited[0]!.headers.get("retry-after"))).toBeGreaterThan(0)
  expect((await api.call("GET", "/health", undefined, {}, null)).status).toBe(200)
})

test("a store that is away stops writes at once and leaves reads alone", async () => {
  const own = await runningApi()
  await own.redis.kill()
  const began = performance.now()
  const write = await own.call("POST", "/api/v1/tokens", { name: "lost" })
  expect([write.status, write.body["code"]]).toEqual([503, "store_unavailable"])
  expect(write.headers.get("retry-after")).toMatch(/^\d+$/)
  expect(performance.now() - began).toBeLessThan(10_000)
  expect((await own.call("GET", "/api/v1/tokens")).status).toBe(200)
  await own.redis.restart()
  await expect
    .poll(async () => (await own.call("POST", "/api/v1/tokens", { name: "found" })).status, { timeout: 20_000 })
    .toBe(201)
  await own.stop()
})
