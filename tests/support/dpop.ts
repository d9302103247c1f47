import { type JWTHeaderParameters, SignJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose"
import { createHash, randomUUID } from "node:crypto"

/** A key that a client proves to hold. */
export interface ProofKey {
  readonly jkt: string
  readonly publicJwk: Record<string, unknown>
  readonly privateJwk: Record<string, unknown>
  /** A good proof, with what a test says over it; `undefined` leaves a member out. */
  proof(
    target: { method: string; url: string; token?: string; now?: number },
    payload?: object,
    header?: object,
  ): Promise<string>
}

export async function proofKey(algorithm: "ES256" | "EdDSA" | "RS256" = "ES256"): Promise<ProofKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const publicJwk = await exportJWK(publicKey)
  return {
    jkt: await calculateJwkThumbprint(publicJwk),
    publicJwk: publicJwk,
    privateJwk: await exportJWK(privateKey),
    proof({ method, url, token, now = Date.now() }, payload = {}, header = {}) {
      const good = {
        jti: randomUUID(),
        htm: method,
        htu: url,
        iat: Math.floor(now / 1000),
        ...(token !== undefined && { ath: createHash("sha256").update(token).digest("base64url") }),
      }
      const present = (members: object) =>
        Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
      const protectedHeader = present({
        typ: "dpop+jwt",
        alg: algorithm,
        jwk: publicJwk,
        ...header,
      }) as unknown as JWTHeaderParameters
      return new SignJWT(present({ ...good, ...payload })).setProtectedHeader(protectedHeader).sign(privateKey)
    },
  }
}
