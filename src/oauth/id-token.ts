import { type JWTPayload, type JWTVerifyGetKey, errors, jwtVerify } from "jose"
import { ProviderError } from "./provider-call.ts"
import { createHash } from "node:crypto"

/** Signatures alone: a shared secret proves nothing to whom the secret could leak (RFC 8725 §3.2). */
export const signatureAlgorithms = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
]

/** Claims of an ID token that was found good. */
export type Identity = JWTPayload & { readonly sub: string }

/** Signature, issuer, audience and times (OpenID Connect Core §3.1.3.7). @throws ProviderError */
export async function idTokenClaims(
  token: string,
  keys: JWTVerifyGetKey,
  { issuer, audience, now }: { readonly issuer: string; readonly audience: string; readonly now: Date },
): Promise<Identity> {
  const required = ["sub", "exp", "iat"]
  const rules = {
    algorithms: signatureAlgorithms,
    issuer,
    audience,
    requiredClaims: required,
    clockTolerance: 60,
    currentDate: now,
  }
  const payload = await jwtVerify(token, keys, rules).then(
    (verified) => verified.payload,
    (error: unknown) => {
      const fault =
        error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)
          ? "oidc_keys_unreachable"
          : "oidc_id_token_refused"
      throw new ProviderError(fault, error instanceof Error ? error.message : "not verified")
    },
  )
  const { sub, azp, aud } = payload
  if (typeof sub !== "string" || !/^[\x20-\x7e]{1,255}$/.test(sub))
    throw new ProviderError("oidc_id_token_refused", "sub is malformed")
  if ((azp !== undefined || (Array.isArray(aud) && aud.length > 1)) && azp !== audience)
    throw new ProviderError("oidc_id_token_refused", "the ID token is for another client")
  return { ...payload, sub }
}

/** The ID token answers this login and no other (§3.1.3.7, 11). @throws ProviderError */
export function requireNonce({ nonce }: Identity, sent: string): void {
  if (nonce !== sent) throw new ProviderError("oidc_id_token_refused", "the nonce is another login's")
}

/** Where the hash is there, the access token must be the one that came with this ID token (§3.1.3.6). @throws ProviderError */
export function requireHash({ at_hash }: Identity, idToken: string, accessToken: string): void {
  if (at_hash === undefined) return
  const { alg } = JSON.parse(Buffer.from(idToken.split(".")[0]!, "base64url").toString()) as { alg: string }
  const digest = createHash(alg === "EdDSA" ? "sha512" : `sha${alg.slice(-3)}`)
    .update(accessToken)
    .digest()
  if (at_hash !== digest.subarray(0, digest.length / 2).toString("base64url"))
    throw new ProviderError("oidc_id_token_refused", "the access token is another login's")
}

/** Who asked for a sign-in now gets to know when it was (§2 `auth_time`). @throws ProviderError */
export function requireFresh({ auth_time }: Identity, notBefore: number | null): void {
  if (notBefore === null) return
  if (typeof auth_time !== "number" || auth_time < notBefore - 60)
    throw new ProviderError("oidc_login_too_old", "the person did not sign in anew")
}
