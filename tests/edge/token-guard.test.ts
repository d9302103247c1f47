import { goodClaims, instant, proxyWith } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { freshWorld, mcp, plain, bearer, check, header, refused } from "./guarded-proxy.ts"

freshWorld()

describe("a proxy without auth", () => {
  it("passes everything and strips no credential", () => {
    const open = { pass: true, headers: [], protected: false, identity: null }
    expect(check(proxyWith(null, null), ["Authorization", "Basic x", "Authorization", "y"])).toEqual(open)
    expect(check(proxyWith({ auth_enabled: false }, null), [], { query: "access_token=x" })).toEqual(open)
    expect(check(proxyWith(null), ["Authorization", "Basic x"])).toEqual(open)
  })
})

describe("a good token", () => {
  it("passes with the identity, on every path and method, first and again", () => {
    for (const [method, path] of [
      ["POST", "/mcp"],
      ["GET", "/mcp/"],
      ["DELETE", "/mcp"],
      ["GET", "/other/path"],
      ["OPTIONS", "/x"],
    ] as const) {
      const verdict = check(mcp, ["Host", "mcp.example.com", ...bearer()], { method, path })
      expect(verdict).toMatchObject({
        pass: true,
        protected: true,
        identity: { subject: "github-583231", clientId: "mcp_client1", grantId: "grant-0001", expires: goodClaims.exp },
      })
      expect(header(verdict.headers, "x-auth-user-id")).toBe("github-583231")
      expect(header(verdict.headers, "x-auth-scopes")).toBe("mcp:read mcp:write")
    }
  })

  it("adds no headers when they are switched off, and others under another prefix", () => {
    expect(check(proxyWith({ auth_pass_headers: false }), bearer())).toMatchObject({
      pass: true,
      headers: [],
      protected: true,
    })
    const verdict = check(proxyWith({ auth_header_prefix: "X-Who-" }), bearer())
    expect(header(verdict.headers, "x-who-user-id")).toBe("github-583231")
  })

  it("that names something no header can carry is stopped, not sent on nameless", () => {
    expect(
      refused(plain, bearer({ ...goodClaims, aud: ["https://mcp.example.com"], username: "a\r\nX-Admin: 1" })),
    ).toEqual([502, "identity_not_representable", "no challenge"])
  })
})

describe("no usable credential", () => {
  it("gets a 401 that names no error", () => {
    for (const rawHeaders of [
      [],
      ["Authorization", "Basic YTpi"],
      ["Authorization", "Hawk abc"],
      ["Cookie", "__Host-gh_access=x"],
    ])
      expect(refused(mcp, rawHeaders)).toEqual([401, "no_credential", "no error"])
  })

  it("gets a JSON-RPC error on the MCP endpoint and a problem document elsewhere", () => {
    const rpc = check(mcp, [])
    if (rpc.pass) throw new Error("passed")
    expect(JSON.parse(rpc.body)).toEqual({
      jsonrpc: "2.0",
      error: { code: -32000, message: "No credentials were given.", data: { code: "unauthenticated" } },
    })
    expect(rpc.header("content-type")).toBe("application/json")
    const other = check(mcp, [], { path: "/mcp2" })
    if (other.pass) throw new Error("passed")
    expect(JSON.parse(other.body)).toMatchObject({ status: 401, code: "unauthenticated", instance: "req-1" })
    expect(other.header("content-type")).toBe("application/problem+json")
    expect(other.header("cache-control")).toBe("no-store")
  })
})

describe("a malformed credential", () => {
  it("is 400: two headers, two tokens, a broken scheme", () => {
    for (const value of [
      "Bearer",
      "Bearer a b",
      "bearer  a b",
      "Bearer a, Bearer b",
      `${bearer()[1]}, Bearer b`,
      "Bearer a\tb",
      "Bearer ä",
      "",
      "@",
    ])
      expect(refused(mcp, ["Authorization", value])).toEqual([400, "malformed_authorization", "invalid_request"])
    expect(refused(mcp, [...bearer(), ...bearer()])).toEqual([400, "repeated_header", "invalid_request"])
    expect(refused(mcp, [...bearer(), "authorization", "Basic x"])).toEqual([400, "repeated_header", "invalid_request"])
  })

  it("is 400 when a token stands in the query, even beside a good header", () => {
    for (const query of ["access_token=x", "a=b&%61ccess_token=x"])
      expect(refused(mcp, bearer(), { query })).toEqual([400, "token_in_query", "invalid_request"])
  })

  it("is never repeated in the answer", () => {
    const verdict = check(mcp, ["Authorization", "Bearer s3cret s3cret"])
    expect(JSON.stringify(verdict)).not.toContain("s3cret")
  })
})

describe("a bad token", () => {
  const bad = (change: object, proxy = mcp) => refused(proxy, bearer({ ...goodClaims, ...change }))

  it("is 401 invalid_token, whatever is wrong with it", () => {
    expect(bad({ exp: instant - 1, iat: instant - 100 })).toEqual([401, "expired", "invalid_token"])
    expect(bad({ iat: instant + 100 })).toEqual([401, "not_yet_valid", "invalid_token"])
    expect(bad({ iss: "https://evil.example" })).toEqual([401, "wrong_issuer", "invalid_token"])
    expect(bad({ aud: ["https://other.example.com"] })).toEqual([401, "wrong_audience", "invalid_token"])
    expect(bad({ aud: ["https://auth.example.com"] })).toEqual([401, "wrong_audience", "invalid_token"])
    expect(bad({ cnf: { jkt: "x" } })).toEqual([401, "sender_constrained", "invalid_token"])
    expect(bad({ sid: "grant-9999" })).toEqual([401, "revoked", "invalid_token"])
    expect(bad({}, proxyWith({ auth_proxy: "other.example.com" }))).toEqual([401, "wrong_issuer", "invalid_token"])
    for (const token of ["acm_0123456789", "a.b.c", "x".repeat(20_000)])
      expect(refused(mcp, ["Authorization", `Bearer ${token}`])).toMatchObject([401, {}, "invalid_token"])
  })

  it("keeps the person out with 403 and no challenge when only the rule is against it", () => {
    expect(bad({}, proxyWith({ auth_required_users: ["somebody"] }))).toEqual([403, "user_not_allowed", "no challenge"])
    expect(bad({}, proxyWith({ auth_required_emails: ["*@other.com"] }))).toEqual([
      403,
      "email_not_allowed",
      "no challenge",
    ])
    expect(bad({}, proxyWith({ auth_required_groups: [] }))).toEqual([403, "group_not_allowed", "no challenge"])
  })

  it("is 403 insufficient_scope when it holds no scope of the proxy", () => {
    expect(bad({ scope: "offline_access" })).toEqual([403, "insufficient_scope", "insufficient_scope"])
    expect(bad({ scope: "mcp:read" })).toBe("passed")
  })
})
