import {
  type TestKey,
  addGrant,
  addKey,
  fold,
  goodClaims,
  goodHeader,
  instant,
  signed,
} from "../support/access-tokens.ts"
import { beforeAll, beforeEach, describe, expect, it } from "vitest"
import { createHmac, generateKeyPairSync } from "node:crypto"
import { SignJWT } from "jose"
import { type World, emptyWorld, fork } from "../../src/events/world.ts"
import { accessTokens } from "../../src/projections/access-token.ts"

const issuer = "https://auth.example.com"
const keyed = emptyWorld()
let rsa: TestKey
let ec: TestKey
let ed: TestKey
let world: World
let seconds = instant

beforeAll(async () => {
  rsa = await addKey(keyed, "RS256")
  ec = await addKey(keyed, "ES256")
  ed = await addKey(keyed, "EdDSA")
  addGrant(keyed)
})

beforeEach(() => {
  world = fork(keyed)
  seconds = instant
})

const tokens = accessTokens({ world: () => world, now: () => seconds * 1000 })
const reason = (token: string, from = issuer) => {
  const checked = tokens.verify(token, from)
  return checked.ok ? "ok" : checked.reason
}
const without = (name: string) => Object.fromEntries(Object.entries(goodClaims).filter(([claim]) => claim !== name))

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
    seconds = goodClaims.exp - 1
    expect(reason(signed(rsa))).toBe("ok")
    seconds = goodClaims.exp
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

describe("revocation", () => {
  const outcome = (change: () => void) => {
    const checked = tokens.verify(signed(rsa), issuer)
    if (!checked.ok) throw new Error(checked.reason)
    change()
    return [tokens.standing(checked), tokens.revoked(checked), reason(signed(rsa))]
  }

  it("of the grant ends its tokens", () => {
    expect(outcome(() => fold(world, "grant", "grant-0001", "GrantRevoked", { reason: "user" }))).toEqual([
      "revoked",
      true,
      "revoked",
    ])
  })

  it("by the client's end ends its tokens", () => {
    expect(outcome(() => fold(world, "client", "mcp_client1", "ClientDeleted", { reason: "expired" }))).toEqual([
      "revoked",
      true,
      "revoked",
    ])
  })

  it("by the key's end ends what it signed", () => {
    expect(outcome(() => fold(world, "signing-key", rsa.kid, "SigningKeyRetired", { reason: "leaked" }))).toEqual([
      "revoked",
      true,
      "unknown_key",
    ])
  })

  it("is not escaped by naming another's grant", () => {
    addGrant(world, "grant-0002", "mcp_client2")
    expect(reason(signed(rsa, { ...goodClaims, sid: "grant-0002" }))).toBe("revoked")
    expect(reason(signed(rsa, { ...goodClaims, sub: "github-1" }))).toBe("revoked")
    expect(reason(signed(rsa, { ...goodClaims, sid: "__proto__" }))).toBe("revoked")
  })
})

describe("a published key", () => {
  it("that does not fit its algorithm or is weak verifies nothing", () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 })
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" })
    const entries = [
      ["RS256", weak.publicKey.export({ format: "jwk" })],
      ["ES256", p384.publicKey.export({ format: "jwk" })],
      ["RS256", ec.publicKey.export({ format: "jwk" })],
      ["EdDSA", { kty: "OKP", crv: "Ed25519", x: "!" }],
      ["ES256", {}],
      ["RS256", { kty: "oct", k: "c2VjcmV0" }],
    ] as const
    entries.forEach(([algorithm, public_jwk], index) => {
      const kid = `odd-key-number-${index}`
      fold(world, "signing-key", kid, "SigningKeyAdded", {
        algorithm,
        public_jwk,
        key_ref: "k",
        activates_at: "2026-01-01T00:00:00.000Z",
      })
      const token = signed(rsa, goodClaims, { alg: algorithm, typ: "at+jwt", kid })
      expect(reason(token), kid).toBe("unknown_key")
      expect(reason(token), kid).toBe("unknown_key")
    })
  })
})
