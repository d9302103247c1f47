import { type KeyObject, createPublicKey, verify } from "node:crypto"
import type { SigningKey } from "../events/signing-key.ts"

/** A compact JWS (RFC 7515 §7.1), decoded and not yet verified. */
export interface Jws {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
  /** The octets under the signature. */
  readonly signed: Buffer
  readonly signature: Buffer
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Decodes a compact JWS whose header and payload are JSON objects; undefined for anything else. */
export function parseJws(token: string): Jws | undefined {
  const parts = token.split(".")
  if (parts.length !== 3) return undefined
  const [head, body, sign] = parts.map(strictBase64url)
  if (head === undefined || body === undefined || sign === undefined) return undefined
  const header = jsonObject(head)
  const payload = jsonObject(body)
  if (header === undefined || payload === undefined) return undefined
  return { header, payload, signed: Buffer.from(token.slice(0, token.lastIndexOf(".")), "latin1"), signature: sign }
}

/** Octets of unpadded base64url. Node skips foreign characters and spare bits; what does not come out again is refused. */
function strictBase64url(part: string): Buffer | undefined {
  const octets = Buffer.from(part, "base64url")
  return octets.length > 0 && octets.toString("base64url") === part ? octets : undefined
}

function jsonObject(octets: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(octets))
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Public key of a signing key; undefined when it does not fit the key's algorithm or is too weak for it. */
export function verificationKey({
  algorithm,
  public_jwk,
}: Pick<SigningKey, "algorithm" | "public_jwk">): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: public_jwk, format: "jwk" })
    return fits(algorithm, key) ? key : undefined
  } catch {
    return undefined
  }
}

function fits(
  algorithm: SigningKey["algorithm"],
  { asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject,
): boolean {
  switch (algorithm) {
    case "RS256":
      return type === "rsa" && (details?.modulusLength ?? 0) >= 2048
    case "ES256":
      return type === "ec" && details?.namedCurve === "prime256v1"
    case "EdDSA":
      return type === "ed25519"
  }
}

/** Does the signature hold under this key's one algorithm (RFC 7518 §3.3, §3.4, RFC 8037 §3.1)? */
export function signatureHolds(
  algorithm: SigningKey["algorithm"],
  key: KeyObject,
  { signed, signature }: Jws,
): boolean {
  switch (algorithm) {
    case "RS256":
      return verify("sha256", signed, key, signature)
    case "ES256":
      return signature.length === 64 && verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, signature)
    case "EdDSA":
      return signature.length === 64 && verify(null, signed, key, signature)
  }
}
