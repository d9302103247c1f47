import { type Jws, parseJws, signatureHolds, verificationKey } from "./jws.ts"
import type { KeyObject } from "node:crypto"
import type { SigningKey } from "../events/signing-key.ts"
import { type World, find } from "../events/world.ts"

/** Why a text is not a token that one of our keys signed. */
export type SignatureFault =
  | "too_large"
  | "malformed"
  | "header_not_allowed"
  | "wrong_type"
  | "unknown_key"
  | "algorithm_not_allowed"
  | "bad_signature"

/** A token whose signature holds; nothing of its payload has been looked at. */
export interface SignedToken {
  readonly payload: Jws["payload"]
  readonly kid: string
}

/** Octets of the longest token that is looked at. */
const maxTokenLength = 16_384
const allowedHeaders: ReadonlySet<string> = new Set(["alg", "typ", "kid"])

/**
 * Checks form, header and signature of tokens of one type against the signing keys of the world (RFC 8725 §3).
 * @param type the one `typ` that is wanted: one kind of token never stands for another (§3.11)
 */
export function signedTokens(world: () => World, type: RegExp): (text: string) => SignedToken | SignatureFault {
  const publicKeys = new WeakMap<SigningKey, KeyObject | null>()

  function publicKey(signingKey: SigningKey): KeyObject | null {
    const known = publicKeys.get(signingKey)
    if (known !== undefined) return known
    const key = verificationKey(signingKey) ?? null
    publicKeys.set(signingKey, key)
    return key
  }

  /** The header's key with its signature, or what is wrong. The key alone fixes the algorithm (RFC 8725 §3.1). */
  function signer(jws: Jws): SigningKey | SignatureFault {
    const { alg, typ, kid } = jws.header
    // No jku, x5u, jwk, x5c and no crit: a token never brings its own key nor rules that we do not know.
    if (!Object.keys(jws.header).every((name) => allowedHeaders.has(name))) return "header_not_allowed"
    if (typeof typ !== "string" || !type.test(typ)) return "wrong_type"
    const signingKey = typeof kid === "string" ? find(world(), "signing-key", kid) : undefined
    const key = signingKey && publicKey(signingKey)
    if (!signingKey || !key) return "unknown_key"
    if (alg !== signingKey.algorithm) return "algorithm_not_allowed"
    return signatureHolds(signingKey.algorithm, key, jws) ? signingKey : "bad_signature"
  }

  return (text) => {
    if (text.length > maxTokenLength) return "too_large"
    const jws = parseJws(text)
    if (jws === undefined) return "malformed"
    const signedBy = signer(jws)
    return typeof signedBy === "string" ? signedBy : { payload: jws.payload, kid: signedBy.kid }
  }
}
