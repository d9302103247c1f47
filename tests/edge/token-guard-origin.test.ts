import { proxyWith } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { freshWorld, mcp, bearer, check, header, refused } from "./guarded-proxy.ts"

freshWorld()

describe("Origin on the MCP endpoint", () => {
  it("of another site, or null, is 403 before the token is looked at, with auth and without", () => {
    for (const proxy of [mcp, proxyWith(null)])
      for (const origin of [
        "https://evil.example",
        "null",
        "http://mcp.example.com",
        "https://mcp.example.com:8443",
        "https://mcp.example.com.evil.net",
        "https://xmcp.example.com",
        "",
        "https://mcp.example.com/",
      ]) {
        expect(refused(proxy, ["Origin", origin, ...bearer()]), origin).toEqual([
          403,
          "origin_not_allowed",
          "no challenge",
        ])
        expect(header(check(proxy, ["Origin", origin]).headers, "access-control-allow-origin")).toBeUndefined()
      }
  })

  it("of the host itself passes, and an error then carries CORS headers", () => {
    for (const proxy of [mcp, proxyWith(null)]) {
      const passed = check(proxy, ["Origin", "https://mcp.example.com", ...bearer()])
      if (!passed.pass) throw new Error(passed.reason)
      expect(header(passed.cors ?? [], "access-control-allow-origin")).toBe("https://mcp.example.com")
      expect(check(proxy, bearer())).not.toHaveProperty("cors")
    }
    const verdict = check(mcp, ["Origin", "https://mcp.example.com"])
    expect(header(verdict.headers, "access-control-allow-origin")).toBe("https://mcp.example.com")
    expect(header(verdict.headers, "access-control-expose-headers")).toContain("WWW-Authenticate")
    expect(header(verdict.headers, "vary")).toBe("Origin")
  })

  it("twice is 400", () => {
    expect(
      refused(mcp, ["Origin", "https://mcp.example.com", "Origin", "https://evil.example", ...bearer()]),
    ).toMatchObject([400, "repeated_header", {}])
  })

  it("is not judged on other paths, where the backend decides", () => {
    expect(refused(mcp, ["Origin", "https://evil.example", ...bearer()], { path: "/api" })).toBe("passed")
    expect(
      header(check(mcp, ["Origin", "https://evil.example"], { path: "/api" }).headers, "access-control-allow-origin"),
    ).toBeUndefined()
  })
})

describe("a preflight on the MCP endpoint", () => {
  const asking = ["Origin", "https://mcp.example.com", "Access-Control-Request-Method", "POST"]

  it("is answered without a token, with those headers that MCP uses", () => {
    const verdict = check(
      mcp,
      [...asking, "Access-Control-Request-Headers", "authorization, X-Evil,Mcp-Param-Region , content-type"],
      { method: "OPTIONS" },
    )
    expect(verdict).toMatchObject({ pass: false, status: 204, body: "", reason: "preflight" })
    expect(header(verdict.headers, "access-control-allow-origin")).toBe("https://mcp.example.com")
    expect(header(verdict.headers, "access-control-allow-methods")).toBe("GET, POST, DELETE")
    expect(header(verdict.headers, "access-control-allow-headers")).toBe(
      "authorization, mcp-param-region, content-type",
    )
    expect(header(verdict.headers, "access-control-max-age")).toBe("600")
  })

  it("from elsewhere is refused, and other OPTIONS requests need a token", () => {
    expect(refused(mcp, ["Origin", "https://evil.example", ...asking.slice(2)], { method: "OPTIONS" })).toMatchObject([
      403,
      "origin_not_allowed",
      {},
    ])
    expect(refused(mcp, asking.slice(0, 2), { method: "OPTIONS" })).toMatchObject([401, "no_credential", {}])
    expect(refused(mcp, asking, { method: "OPTIONS", path: "/api" })).toMatchObject([401, "no_credential", {}])
  })
})
