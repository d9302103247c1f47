import { describe, expect, test } from "vitest"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { randomUUID } from "node:crypto"
import { apiWithOwner, api, alice, tokens } from "./app-api.ts"

apiWithOwner()

describe("a caller", () => {
  test("without a token is told so, on every endpoint but the public ones", async () => {
    for (const { method, path, who } of endpoints) {
      const address = path
        .replaceAll(/\{position\}/g, "1")
        .replaceAll(/\{id\}/g, randomUUID())
        .replaceAll(/\{\w+\}/g, "x.example.com")
      const { status, headers, body } = await api.call(method, address, undefined, {}, null)
      if (who === "public") expect(status, address).toBeLessThan(300)
      else {
        expect([status, body["code"]], `${method} ${address}`).toEqual([401, "unauthenticated"])
        expect(headers.get("www-authenticate")).toBe("Bearer")
      }
    }
  })

  test.each(["Bearer nobody-knows-this", "Bearer ", "Basic YTpi", "bearer  two words", `Bearer ${"x".repeat(5000)}`])(
    "with the credentials %s is refused",
    async (authorization) => {
      const { status, headers, body } = await api.call("GET", tokens, undefined, { authorization }, null)
      expect([status, body["code"]]).toEqual([401, "invalid_token"])
      expect(headers.get("www-authenticate")).toBe('Bearer error="invalid_token"')
    },
  )

  test("who is no administrator is refused on every endpoint of administrators, before anything is read", async () => {
    for (const { method, path } of endpoints.filter(({ who }) => who === "admin")) {
      const { status, body } = await api.call(
        method,
        path.replaceAll(/\{\w+\}/g, "x"),
        method === "GET" ? undefined : "{no json",
        {},
        alice,
      )
      expect([status, body["code"]], `${method} ${path}`).toEqual([403, "admin_required"])
    }
  })

  test("whose token was deleted is refused from the next request on", async () => {
    const value = await api.token("shortlived")
    expect((await api.call("GET", `${tokens}/info`, undefined, {}, value)).status).toBe(200)
    await api.call("DELETE", `${tokens}/shortlived`)
    expect((await api.call("GET", `${tokens}/info`, undefined, {}, value)).status).toBe(401)
  })
})
