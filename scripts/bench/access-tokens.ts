import { type KeyObject, generateKeyPairSync, randomUUID } from "node:crypto"
import { SignJWT, decodeJwt, decodeProtectedHeader } from "jose"

/** The RSA key that signs every access token of a run, in each form that its users need. */
export interface SigningKey {
  readonly privateKey: KeyObject
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicPem: string
  /** Value of OAUTH_JWT_PRIVATE_KEY_B64. */
  readonly environment: string
}

/** A new RSA key of 2048 bits. */
export function signingKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
  return {
    privateKey,
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    environment: Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }).toString()).toString("base64"),
  }
}

/**
 * Distinct access tokens (RFC 9068) with header and claims of an issued one: the first is that one, each other has a `jti`
 * of its own. They are as good as issued ones, because all belong to the same grant and key.
 */
export async function accessTokensLike(issued: string, key: SigningKey, count: number): Promise<readonly string[]> {
  const { alg, typ, kid } = decodeProtectedHeader(issued)
  const claims = decodeJwt(issued)
  const header = { alg: alg!, typ: typ!, kid: kid! }
  const another = () => new SignJWT({ ...claims, jti: randomUUID() }).setProtectedHeader(header).sign(key.privateKey)
  return [issued, ...(await Promise.all(Array.from({ length: count - 1 }, another)))]
}
