import { addKey, goodClaims, signed } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { SignJWT } from "jose"
import { emptyWorld } from "../../src/events/world.ts"
import { freshWorld, issuer, rsa, ec, ed, tokens, reason } from "./checked-tokens.ts"

freshWorld()

describe("a good access token", () => {
  it("is taken under each algorithm", () => {
    for (const key of [rsa, ec, ed]) expect(reason(signed(key))).toBe("ok")
  })

  it("made by another implementation is taken and its claims come back", async () => {
    const { iat, exp, ...claims } = goodClaims
    for (const key of [rsa, ec, ed]) {
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: key.algorithm, typ: "application/at+jwt", kid: key.kid })
        .setIssuedAt(iat)
        .setExpirationTime(exp)
        .sign(key.privateKey)
      const checked = tokens.verify(token, issuer)
      const { azp: _, ...expected } = goodClaims
      expect(checked).toEqual({ ok: true, kid: key.kid, claims: expected })
    }
  })

  it("needs no optional claims and takes one audience as text", () => {
    const { username: _u, name: _n, email: _e, groups: _g, auth_time: _t, azp: _a, ...least } = goodClaims
    const checked = tokens.verify(signed(rsa, { ...least, aud: "https://mcp.example.com" }), issuer)
    expect(checked).toMatchObject({ ok: true, claims: { aud: ["https://mcp.example.com"], groups: [] } })
  })
})

describe("a damaged token", () => {
  it("is refused when any character of it was changed", () => {
    const token = signed(ec)
    for (let at = 0; at < token.length; at += 3) {
      const other = token[at] === "A" ? "B" : "A"
      expect(reason(token.slice(0, at) + other + token.slice(at + 1))).not.toBe("ok")
    }
  })

  it("is refused with padding, blanks, other alphabets or spare bits", () => {
    const token = signed(rsa)
    const [head, body, mac] = token.split(".") as [string, string, string]
    const spare = mac.slice(0, -1) + String.fromCodePoint(mac.codePointAt(mac.length - 1)! + 1)
    for (const odd of [
      `${token}=`,
      `${token}==`,
      ` ${token}`,
      `${token} `,
      `${token}\n`,
      `${head}.${body}.\t${mac}`,
      `${head}..${mac}`,
      `.${body}.${mac}`,
      `${token}.`,
      `${token}.x`,
      `${head}.${body}`,
      `${head}=.${body}.${mac}`,
      `${head}.${body}.${spare}`,
      "",
      ".",
      "..",
      "...",
      "abc",
      "acm_0123456789",
    ])
      expect(reason(odd), JSON.stringify(odd.slice(-8))).toBe("malformed")
  })

  it("is refused when header or payload is no JSON object", () => {
    for (const odd of ["[]", "null", "1", '"text"', "{", "", '\uFEFF{"sub":"x"}']) {
      expect(reason(signed(rsa, odd))).toBe("malformed")
      expect(reason(signed(rsa, goodClaims, odd))).toBe("malformed")
    }
    const invalidUtf8 = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString("base64url")
    expect(reason(`${invalidUtf8}.${invalidUtf8}.AAAA`)).toBe("malformed")
  })

  it("is not looked at above 16 KiB", () => {
    expect(reason(signed(rsa, { ...goodClaims, extra: "x".repeat(16_384) }))).toBe("too_large")
    expect(reason(signed(rsa, { ...goodClaims, extra: "x".repeat(11_000) }))).toBe("ok")
  })

  it("with a signature of the wrong length or from another key is refused", async () => {
    const elsewhere = await addKey(emptyWorld(), "ES256")
    expect(reason(signed({ ...elsewhere, kid: ec.kid }))).toBe("bad_signature")
    const [head, body] = signed(ec).split(".")
    for (const length of [1, 63, 65, 70, 256])
      expect(reason(`${head}.${body}.${Buffer.alloc(length).toString("base64url")}`)).toBe("bad_signature")
    expect(reason(`${head}.${body}.${Buffer.alloc(64).toString("base64url")}`)).toBe("bad_signature")
  })
})
