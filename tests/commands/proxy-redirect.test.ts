import { describe, expect, it } from "vitest"
import { decider } from "../support/decider.ts"

const target_url = "http://backend.example:8080"
const auth = { auth_proxy: "auth.localhost", auth_mode: "redirect" }
const create = (extras: object = {}): [string, unknown] => [
  "CreateProxy",
  { hostname: "a.test", target_url, ...extras },
]
const set = (settings: object = {}): [string, unknown] => [
  "SetProxyAuth",
  { hostname: "a.test", auth: { ...auth, ...settings } },
]
const update = (changes: object): [string, unknown] => ["UpdateProxy", { hostname: "a.test", changes }]

describe("redirect mode", () => {
  it("needs HTTPS on the proxy, when it is set and as long as it is", () => {
    expect(
      decider()
        .given(create({ enable_https: false }))
        .when(...set()).refused,
    ).toBe("validation_failed")
    const { when } = decider().given(create(), set())
    expect(when(...update({ enable_https: false })).refused).toBe("validation_failed")
    expect(when(...update({ enable_http: false })).events).toEqual(["ProxyUpdated"])
    expect(when(...set({ auth_mode: "forward" })).events).toEqual(["ProxyAuthSet"])
    expect(when(...update({ enable_https: false, enable_http: true })).events).toEqual(["ProxyUpdated"])
    expect(when(...set()).refused).toBe("validation_failed")
  })

  it.each([
    ["wiki_session", undefined],
    ["__Host-wiki", undefined],
    ["__Host-gh_access", undefined],
    ["__Host-gh_login", "validation_failed"],
    ["__host-GH_login", "validation_failed"],
    ["__Host-gh_session", "validation_failed"],
    ["__Host-gh_txn", "validation_failed"],
    ["", "validation_failed"],
    ["a b", "validation_failed"],
    ["a;b", "validation_failed"],
    ["a=b", "validation_failed"],
    ["a\r\nb", "validation_failed"],
  ])("with the cookie's name %j", (auth_cookie_name, code) =>
    expect(
      decider()
        .given(create())
        .when(...set({ auth_cookie_name })).refused,
    ).toBe(code),
  )
})

describe("a new signing key", () => {
  const add = (kid: string, activates_at: string, alone?: boolean): [string, unknown] => [
    "AddSigningKey",
    {
      kid: kid.repeat(43),
      algorithm: "ES256",
      public_jwk: { kty: "EC" },
      key_ref: `signing-key-${kid}`,
      activates_at,
      ...(alone !== undefined && { alone }),
    },
  ]

  it("that wants to be alone is refused while another waits, and others are not", () => {
    const { when } = decider().given(add("a", "2025-01-01T00:00:00.000Z"))
    expect(when(...add("b", "2026-01-01T00:10:00.000Z", true)).decided?.result).toEqual({
      kid: "b".repeat(43),
      activates_at: "2026-01-01T00:10:00.000Z",
    })
    expect(when(...add("c", "2026-01-01T00:10:00.000Z", true)).refused).toBe("invalid_state")
    expect(when(...add("b", "2026-01-01T00:10:00.000Z", true)).events).toEqual([])
    expect(when(...add("c", "2026-01-01T00:10:00.000Z")).events).toEqual(["SigningKeyAdded"])
  })
})
