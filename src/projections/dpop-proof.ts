import { type KeyObject, createHash, hash } from "node:crypto"
import { type ProofNonces, proofSkew } from "./dpop-nonce.ts"
import { isCostlyKey } from "../events/client-keys.ts"
import { parseJws, signatureHolds, verificationKey } from "./jws.ts"
import type { SigningKey } from "../events/signing-key.ts"

/** Signature algorithms of proofs (RFC 9449 §5.1). */
export const proofAlgorithms = ["ES256", "EdDSA", "RS256"] as const satisfies readonly SigningKey["algorithm"][]

/** What a proof must be about. */
export interface ProofTarget {
  readonly method: string
  /** URL of the request, without query and fragment. */
  readonly url: string
  /** The access token that comes with it; absent at the token endpoint. */
  readonly token?: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Where proofs must carry a nonce. */
  readonly nonces?: Pick<ProofNonces, "accepts"> | undefined
}

/** Why a proof proves nothing; stable, for the log. */
export type ProofFault =
  | "proof_malformed"
  | "proof_header_not_allowed"
  | "proof_key_not_allowed"
  | "proof_signature"
  | "proof_method"
  | "proof_url"
  | "proof_nonce"
  | "proof_time"
  | "proof_token"
  | "proof_id"

/** A proof that was found good. Whether it was used before is not known here. */
export interface Proof {
  /** Thumbprint of the key (RFC 7638): what `cnf.jkt` names. */
  readonly jkt: string
  /** Names the proof among those of its key. */
  readonly jti: string
}

const longest = 4096
const allowedHeaders: ReadonlySet<string> = new Set(["typ", "alg", "jwk", "kid"])

/** Checks a DPoP proof (RFC 9449 §4.3) but for its single use: synchronous, no I/O. */
export function checkProof(text: string, target: ProofTarget): Proof | ProofFault {
  const jws = text.length > longest ? undefined : parseJws(text)
  if (jws === undefined) return "proof_malformed"
  const { typ, alg, jwk } = jws.header
  if (typ !== "dpop+jwt" || !Object.keys(jws.header).every((name) => allowedHeaders.has(name)))
    return "proof_header_not_allowed"
  const algorithm = proofAlgorithms.find((name) => name === alg)
  const key = algorithm === undefined ? undefined : publicKey(algorithm, jwk)
  if (algorithm === undefined || key === undefined) return "proof_key_not_allowed"
  if (!signatureHolds(algorithm, key, jws)) return "proof_signature"
  const { htm, htu, iat, jti, ath, nonce } = jws.payload
  if (htm !== target.method) return "proof_method"
  if (typeof htu !== "string" || comparable(htu) === undefined || comparable(htu) !== comparable(target.url))
    return "proof_url"
  if (target.nonces?.accepts(nonce) === false) return "proof_nonce"
  if (typeof iat !== "number" || Math.abs(target.now / 1000 - iat) > proofSkew) return "proof_time"
  if (target.token !== undefined && ath !== hash("sha256", target.token, "base64url")) return "proof_token"
  if (typeof jti !== "string" || jti === "" || jti.length > 256) return "proof_id"
  return { jkt: thumbprint(key), jti }
}

/** A public key of the proof's own; one that brings private members is refused whole (§4.3, 7). */
function publicKey(algorithm: SigningKey["algorithm"], jwk: unknown): KeyObject | undefined {
  if (jwk === null || typeof jwk !== "object" || Array.isArray(jwk)) return undefined
  const members = jwk as Record<string, string>
  if (["d", "p", "q", "dp", "dq", "qi", "oth", "k"].some((name) => name in members)) return undefined
  if (!Object.values(members).every((value) => typeof value === "string") || isCostlyKey(members)) return undefined
  return verificationKey({ algorithm, public_jwk: members })
}

/** JWK SHA-256 thumbprint (RFC 7638 §3), from the key itself: no spelling of the proof's own gets in. */
function thumbprint(key: KeyObject): string {
  const { kty, crv, x, y, n, e } = key.export({ format: "jwk" })
  const members = kty === "RSA" ? { e, kty, n } : kty === "EC" ? { crv, kty, x, y } : { crv, kty, x }
  return createHash("sha256").update(JSON.stringify(members)).digest("base64url")
}

/** Scheme, host and path in one spelling; query and fragment do not count (§4.3, 9). */
function comparable(text: string): string | undefined {
  const url = URL.parse(text)
  return url === null || url.username !== "" || url.password !== "" ? undefined : url.origin + url.pathname
}
