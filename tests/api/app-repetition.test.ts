import { describe, expect, test } from "vitest"
import { apiWithOwner, api, alice, tokens, targets, target } from "./app-api.ts"

apiWithOwner()

describe("an Idempotency-Key", () => {
  const key = (value: string) => ({ "idempotency-key": value })

  test("makes a repetition the same answer without a second event", async () => {
    const first = await api.call("POST", tokens, { name: "once", cert_email: "a@example.com" }, key("k1"))
    const before = api.projections.world.position
    const second = await api.call("POST", tokens, { cert_email: "a@example.com", name: "once" }, key("k1"))
    expect(first.status).toBe(201)
    expect(first.body["token"]).toMatch(/^acm_[\w-]{43}$/)
    expect([second.status, second.body]).toEqual([201, first.body])
    expect(second.headers.get("x-event-position")).toBe(first.headers.get("x-event-position"))
    expect((await api.store.head()).position).toBe(before)
  })

  test("repeats an answer without the secret once that is gone", async () => {
    const first = await api.call("POST", tokens, { name: "gone" }, key("k2"))
    await api.call("DELETE", `${tokens}/gone`)
    const second = await api.call("POST", tokens, { name: "gone" }, key("k2"))
    const { token: _, ...rest } = first.body
    expect([second.status, second.body]).toEqual([201, rest])
  })

  test("with another body is refused", async () => {
    await api.call("POST", tokens, { name: "body1" }, key("k3"))
    const other = await api.call("POST", tokens, { name: "body2" }, key("k3"))
    expect([other.status, other.body["code"]]).toEqual([422, "idempotency_mismatch"])
  })

  test("belongs to its caller", async () => {
    await api.call("POST", targets, { hostname: "admins.example.com", ...target }, key("k4"))
    const other = await api.call("POST", targets, { hostname: "alices.example.com", ...target }, key("k4"), alice)
    expect(other.status).toBe(201)
  })

  test("repeats a refusal, too", async () => {
    const refused = await api.call("POST", tokens, { name: "alice" }, key("k5"))
    expect([refused.status, refused.body["code"]]).toEqual([409, "already_exists"])
    expect((await api.call("POST", tokens, { name: "alice" }, key("k5"))).body["code"]).toBe("already_exists")
  })

  test("that is none is refused", async () => {
    expect((await api.call("POST", tokens, { name: "bad-key" }, key("x".repeat(129)))).status).toBe(422)
    expect((await api.call("GET", `${tokens}/bad-key`)).status).toBe(404)
  })
})
