import { goodClaims, instant, proxyWith } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { freshWorld, bearer, check, refused } from "./guarded-proxy.ts"

freshWorld()

describe("modes", () => {
  const passthrough = proxyWith({ auth_mode: "passthrough", auth_required_users: ["Octocat"] })
  const anonymous = { pass: true, headers: [], protected: true, identity: null }

  it("passthrough goes on without identity when there is none, or when the rule is against it", () => {
    expect(check(passthrough, [])).toEqual(anonymous)
    expect(check(passthrough, ["Authorization", "Bearer x.y.z"])).toEqual(anonymous)
    expect(check(passthrough, bearer({ ...goodClaims, username: "Mallory" }))).toEqual(anonymous)
    expect(check(passthrough, bearer({ ...goodClaims, exp: instant }))).toEqual(anonymous)
    expect(check(passthrough, bearer())).toMatchObject({ pass: true, identity: { subject: "github-583231" } })
  })

  it("passthrough still refuses what is ambiguous", () => {
    expect(refused(passthrough, [...bearer(), ...bearer()])).toMatchObject([400, "repeated_header", {}])
    expect(refused(passthrough, ["Authorization", "Bearer a b"])).toMatchObject([400, "malformed_authorization", {}])
    expect(refused(passthrough, [], { query: "access_token=x" })).toMatchObject([400, "token_in_query", {}])
    const all = proxyWith({ auth_mode: "passthrough" })
    const unsayable = bearer({ ...goodClaims, username: "Octocat\n" })
    expect(refused(all, unsayable)).toEqual([502, "identity_not_representable", "no challenge"])
  })

  it("redirect never lets anybody in without a token", () => {
    expect(refused(proxyWith({ auth_mode: "redirect" }), [], { method: "GET", path: "/" })).toEqual([
      401,
      "no_credential",
      "no error",
    ])
  })
})

describe("excluded paths", () => {
  const proxy = proxyWith({ auth_excluded_paths: ["/public", "/docs/"] })

  it("skip the token by whole segments", () => {
    for (const path of ["/public", "/public/", "/public/a/b", "/docs", "/docs/x"])
      expect(check(proxy, bearer(), { path })).toEqual({ pass: true, headers: [], protected: true, identity: null })
  })

  it("do not reach further, nor cover a path with parameters or escapes", () => {
    for (const path of [
      "/",
      "/publicity",
      "/public.json",
      "/Public",
      "/a/public",
      "/public;x",
      "/public;/../admin",
      "/public/%2e%2e/admin",
      "/public/a%20b",
      "/docsx",
    ])
      expect(refused(proxy, [], { path }), path).toMatchObject([401, {}, {}])
  })

  it("may be everything, and then the MCP endpoint still checks its Origin", () => {
    const all = proxyWith({ auth_excluded_paths: ["/"] })
    expect(refused(all, [])).toBe("passed")
    expect(refused(all, ["Origin", "https://evil.example"])).toMatchObject([403, "origin_not_allowed", {}])
  })
})
