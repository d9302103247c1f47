import { addGrant, fold, goodClaims, signed } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { fork } from "../../src/events/world.ts"
import { restore } from "../../src/projections/snapshot.ts"
import { generateKeyPairSync } from "node:crypto"
import { freshWorld, issuer, rsa, ec, world, tokens, reason } from "./checked-tokens.ts"

freshWorld()

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

  it("is seen when what was folded is replaced at the same position", () => {
    const checked = tokens.verify(signed(rsa), issuer)
    if (!checked.ok) throw new Error(checked.reason)
    expect(tokens.standing(checked)).toBeUndefined()
    const mended = fork(world)
    mended.objects.grant.clear()
    restore(world, mended)
    expect(tokens.standing(checked)).toBe("revoked")
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
