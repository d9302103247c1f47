import { goodClaims, instant, signed } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { freshWorld, rsa, ec, clock, reason, without } from "./checked-tokens.ts"

freshWorld()

describe("claims", () => {
  it("that are required must be there", () => {
    for (const name of ["exp", "iat", "iss", "aud", "sub", "client_id", "jti", "scope", "sid"])
      expect(reason(signed(rsa, without(name))), name).toBe("bad_claims")
  })

  it("must have their type, without conversion", () => {
    const odd: object[] = [
      ...["exp", "iat", "nbf", "auth_time"].flatMap((name) =>
        [String(goodClaims.exp), true, null, [goodClaims.exp], -1, 0, 1.5, 1e300, 253_402_300_800].map((value) => ({
          [name]: value,
        })),
      ),
      ...["iss", "sub", "client_id", "jti", "sid", "username", "email", "name"].flatMap((name) =>
        [1, null, "", ["x"], {}, "\ud800"].map((value) => ({ [name]: value })),
      ),
      ...[[], null, 1, {}, "", [""], [1], [["https://mcp.example.com"]]].map((aud) => ({ aud })),
      ...[null, 1, ["mcp:read"], {}].map((scope) => ({ scope })),
      ...["acme", [1], [null], {}, Array(1001).fill("g")].map((groups) => ({ groups })),
      { azp: "another" },
    ]
    for (const change of odd)
      expect(reason(signed(ec, { ...goodClaims, ...change })), JSON.stringify(change)).toBe("bad_claims")
  })

  it("named like members of objects are only data", () => {
    const { sub: _, ...rest } = goodClaims
    const payload = JSON.stringify(rest).replace("{", '{"__proto__":{"sub":"github-583231"},')
    expect(reason(signed(rsa, payload))).toBe("bad_claims")
  })

  it("must name the issuer byte for byte", () => {
    for (const iss of [
      "https://auth.example.com/",
      "https://AUTH.example.com",
      "http://auth.example.com",
      "https://auth.example.com:443",
      "https://evil.example",
    ])
      expect(reason(signed(rsa, { ...goodClaims, iss }))).toBe("wrong_issuer")
    expect(reason(signed(rsa), "https://auth2.example.com")).toBe("wrong_issuer")
  })
})

describe("times", () => {
  it("an expired token has no grace", () => {
    clock.seconds = goodClaims.exp - 1
    expect(reason(signed(rsa))).toBe("ok")
    clock.seconds = goodClaims.exp
    expect(reason(signed(rsa))).toBe("expired")
  })

  it("iat and nbf may be 60 seconds ahead", () => {
    for (const name of ["iat", "nbf"]) {
      expect(reason(signed(rsa, { ...goodClaims, [name]: instant + 60 }))).toBe("ok")
      expect(reason(signed(rsa, { ...goodClaims, [name]: instant + 61 }))).toBe("not_yet_valid")
    }
  })

  it("exp must lie after iat", () => {
    expect(reason(signed(rsa, { ...goodClaims, exp: goodClaims.iat }))).toBe("bad_claims")
  })
})
