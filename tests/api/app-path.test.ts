import { describe, expect, test } from "vitest"
import { apiWithOwner, api, tokens, targets, target } from "./app-api.ts"

apiWithOwner()

describe("a path", () => {
  test("is the same with a trailing slash, without a redirect", async () => {
    expect((await api.call("GET", `${tokens}/`)).status).toBe(200)
    expect((await api.call("POST", `${targets}/`, { hostname: "slash.example.com", ...target })).status).toBe(201)
    expect((await api.call("GET", `${targets}/slash.example.com/`)).status).toBe(200)
    expect((await api.call("GET", "/health/")).status).toBe(200)
  })

  test.each(["/nothing", "/api/v1", "/api/v1/tokens/a/b/c", "/api/v2/tokens", "/api/v1//tokens", "/style.css/x"])(
    "%s is nothing",
    async (path) => {
      const { status, headers, body } = await api.call("GET", path)
      expect([status, body["code"]]).toEqual([404, "not_found"])
      expect(headers.get("content-type")).toBe("application/problem+json")
    },
  )

  test("with a method that it does not have names those that it has", async () => {
    const { status, headers, body } = await api.call("PATCH", `${tokens}/alice`)
    expect([status, body["code"], headers.get("allow")]).toEqual([
      405,
      "method_not_allowed",
      "GET, HEAD, DELETE, OPTIONS",
    ])
    expect((await api.call("DELETE", tokens)).headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS")
  })

  test("answers OPTIONS with its methods and allows no other origin", async () => {
    const { status, headers } = await api.call("OPTIONS", tokens, undefined, { origin: "https://evil.example" }, null)
    expect([status, headers.get("allow")]).toEqual([204, "GET, HEAD, POST, OPTIONS"])
    expect(headers.get("access-control-allow-origin")).toBeNull()
  })

  test("answers HEAD like GET, without a body", async () => {
    const ask = (method: string, headers: Record<string, string>) =>
      fetch(`http://127.0.0.1:${api.port}${tokens}`, { method, headers })
    const authorization = `Bearer ${api.adminToken}`
    const [head, get] = [await ask("HEAD", { authorization }), await ask("GET", { authorization })]
    expect([head.status, head.headers.get("content-length")]).toEqual([
      200,
      String((await get.arrayBuffer()).byteLength),
    ])
    expect([await head.text(), (await ask("HEAD", {})).status]).toEqual(["", 401])
  })

  test("parameter is decoded once, and refused when it cannot be", async () => {
    expect((await api.call("GET", `${tokens}/%61lice`)).status).toBe(200)
    expect((await api.call("GET", `${tokens}/%2561lice`)).status).toBe(404)
    expect((await api.call("GET", `${tokens}/a%2Falice`)).status).toBe(404)
    expect((await api.call("GET", `${tokens}/%ff`)).status).toBe(400)
  })
})
