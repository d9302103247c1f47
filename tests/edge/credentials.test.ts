import { describe, expect, it } from "vitest"
import { guardHeaders, isToken68, readCredential } from "../../src/edge/credentials.ts"
import { tokenInQuery } from "../../src/projections/query-token.ts"

/** A credential as the guard takes it: a token of no possible form makes the value malformed. */
const read = (authorization: string | undefined) => {
  const credential = readCredential(authorization)
  return credential.type === "bearer" && !isToken68(credential.token) ? { type: "malformed" } : credential
}

describe("an Authorization value", () => {
  it("gives the bearer token under any case of the scheme", () => {
    for (const scheme of ["Bearer", "bearer", "BEARER"])
      expect(read(`${scheme} a.b-c_d~+/==`)).toEqual({ type: "bearer", token: "a.b-c_d~+/==" })
    expect(read("Bearer   abc")).toEqual({ type: "bearer", token: "abc" })
    expect(read("DPoP a.b")).toEqual({ type: "dpop", token: "a.b" })
    expect(read("dpop  a.b")).toEqual({ type: "dpop", token: "a.b" })
  })

  it("is malformed when scheme or token cannot be read", () => {
    for (const odd of [
      "",
      " ",
      "Bearer",
      "Bearer ",
      "Bearer a b",
      "Bearer a, Bearer b",
      "Bearer a,b",
      'Bearer "a"',
      "Bearer =",
      "Bearer a=b",
      "Bearer\ta",
      "Bearer a\n",
      "Bearer ä",
      ": x",
      "(a) b",
      "Bearer, a",
    ])
      expect(read(odd), JSON.stringify(odd)).toEqual({ type: "malformed" })
  })

  it("of another scheme, or absent, is no credential", () => {
    for (const other of [undefined, "Basic YTpi", "Hawk abc", "Negotiate", 'Digest username="a", realm="b"', "abc"])
      expect(read(other)).toEqual({ type: "none" })
  })

  it("is read in linear time: a pattern that looked back would take minutes for a million characters", () => {
    const million = 1_000_000
    expect(read(`Bearer ${"=".repeat(million)}a`)).toEqual({ type: "malformed" })
    expect(read(`Bearer ${"a".repeat(million)}!`)).toEqual({ type: "malformed" })
    expect(read(" ".repeat(million))).toEqual({ type: "malformed" })
    expect(read(`Bearer${" ".repeat(million)}\n`)).toEqual({ type: "malformed" })
    expect(read(`${"a".repeat(million)} `)).toEqual({ type: "none" })
  })
})

describe("request headers", () => {
  it("are scanned for Authorization and Origin in any case", () => {
    expect(guardHeaders(["Host", "a", "AUTHORIZATION", "x", "oRiGiN", "o"])).toEqual({
      authorization: "x",
      origin: "o",
      repeated: false,
    })
    expect(guardHeaders([])).toEqual({ authorization: undefined, origin: undefined, repeated: false })
  })

  it("that come twice are noticed, even empty ones", () => {
    expect(guardHeaders(["Authorization", "", "authorization", "x"]).repeated).toBe(true)
    expect(guardHeaders(["Origin", "a", "Origin", "a"]).repeated).toBe(true)
  })

  it("are never taken from values", () => {
    expect(guardHeaders(["X", "Authorization", "Y", "Origin"])).toEqual({
      authorization: undefined,
      origin: undefined,
      repeated: false,
    })
  })
})

describe("a query", () => {
  it("with an access_token is found, escaped or empty", () => {
    for (const query of [
      "access_token=x",
      "a=1&access_token=x",
      "access_token",
      "access_token=",
      "%61ccess_token=x",
      "access%5Ftoken=x",
      "a&access%5ftoken",
    ])
      expect(tokenInQuery(query), query).toBe(true)
  })

  it("with something alike is not", () => {
    for (const query of [
      "",
      "a=access_token",
      "xaccess_token=1",
      "access_tokens=1",
      "access_token%3d=1",
      "%zz",
      "Access_Token=1",
    ])
      expect(tokenInQuery(query), query).toBe(false)
  })
})
