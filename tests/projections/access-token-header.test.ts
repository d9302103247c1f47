import { goodClaims, goodHeader, signed } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { createHmac, generateKeyPairSync } from "node:crypto"
import { freshWorld, rsa, ec, ed, reason } from "./checked-tokens.ts"

freshWorld()

describe("a forged or odd header", () => {
  const header = (change: object) => signed(rsa, goodClaims, { ...goodHeader(rsa), ...change })

  it("with alg none is refused in any spelling, with and without a signature", () => {
    for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
      expect(reason(header({ alg }))).toBe("algorithm_not_allowed")
      const [head, body] = header({ alg }).split(".")
      expect(reason(`${head}.${body}.`)).toBe("malformed")
    }
  })

  it("with HMAC over the public key as secret is refused", () => {
    for (const form of ["pem", "der"] as const) {
      const secret = rsa.publicKey.export({ type: "spki", format: form } as { type: "spki"; format: "pem" })
      const [head, body] = signed(rsa, goodClaims, { ...goodHeader(rsa), alg: "HS256" }).split(".")
      const mac = createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url")
      expect(reason(`${head}.${body}.${mac}`)).toBe("algorithm_not_allowed")
    }
  })

  it("cannot choose another algorithm than its key has", () => {
    for (const alg of ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", 256, null, ["RS256"]])
      expect(reason(header({ alg }))).toBe("algorithm_not_allowed")
  })

  it("cannot bring a key or a key's address, nor extensions", () => {
    const attacker = generateKeyPairSync("rsa", { modulusLength: 2048 })
    const own = { ...rsa, privateKey: attacker.privateKey }
    const jwk = attacker.publicKey.export({ format: "jwk" })
    for (const extra of [
      { jwk },
      { jku: "https://evil.example/jwks" },
      { x5u: "https://evil.example/c" },
      { x5c: ["MII"] },
      { crit: ["exp"] },
      { crit: [] },
      { b64: false },
      { zip: "DEF" },
    ]) {
      expect(reason(signed(own, goodClaims, { ...goodHeader(rsa), ...extra }))).toBe("header_not_allowed")
      expect(reason(header(extra))).toBe("header_not_allowed")
    }
  })

  it("with an unknown, strange or missing kid is refused", () => {
    for (const kid of [
      "nobody",
      "../../etc/passwd",
      "__proto__",
      "constructor",
      "https://evil.example/k",
      "",
      1,
      null,
      [rsa.kid],
      undefined,
    ])
      expect(reason(header({ kid }))).toBe("unknown_key")
  })

  it("with another key's kid is refused", () => {
    expect(reason(signed({ ...rsa, kid: ec.kid }))).toBe("algorithm_not_allowed")
    expect(reason(signed(ec, goodClaims, { ...goodHeader(ec), kid: ed.kid, alg: "EdDSA" }))).toBe("bad_signature")
  })

  it("of another token type is refused", () => {
    for (const typ of ["JWT", "dpop+jwt", "oauth-id-jag+jwt", "at+jwt ", "xat+jwt", "", undefined, null, 5, ["at+jwt"]])
      expect(reason(header({ typ }))).toBe("wrong_type")
    expect(reason(header({ typ: "AT+JWT" }))).toBe("ok")
  })
})
