import { OAuthError } from "./oauth-error.ts"
import { createHash } from "node:crypto"

/**
 * The S256 challenge of an authorization request (RFC 7636 §4.3); required for every client, `plain` is refused.
 * @throws OAuthError `invalid_request`
 */
export function requireChallenge(challenge: string | undefined, method: string | undefined): string {
  if (challenge === undefined) throw new OAuthError("invalid_request", "code_challenge is required")
  if (method !== "S256") throw new OAuthError("invalid_request", "code_challenge_method must be S256")
  if (!/^[A-Za-z0-9_-]{43}$/.test(challenge))
    throw new OAuthError("invalid_request", "code_challenge must be 43 base64url characters")
  return challenge
}

/**
 * The verifier of a token request (RFC 7636 §4.1).
 * @throws OAuthError `invalid_request` when it is absent, `invalid_grant` when it cannot be a verifier
 */
export function requireVerifier(verifier: string | undefined): string {
  if (verifier === undefined) throw new OAuthError("invalid_request", "code_verifier is required")
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) throw new OAuthError("invalid_grant", "code_verifier is malformed")
  return verifier
}

/** S256 of a verifier (RFC 7636 §4.2). */
export function challengeOf(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url")
}
