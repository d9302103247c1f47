import { checkProof } from "../projections/dpop-proof.ts"
import { proofSkew } from "../projections/dpop-nonce.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import type { H3Event } from "h3"
import { OAuthError } from "./oauth-error.ts"

/**
 * Thumbprint of the key that a token request proves to hold (RFC 9449 §5); undefined when it brings no proof and need not. A proof
 * is good once.
 * @throws OAuthError `invalid_dpop_proof`, or `use_dpop_nonce`; {@link withNonce} adds the nonce
 */
export async function provenKey(
  server: AuthorizationServer,
  event: H3Event,
  client: Client,
): Promise<string | undefined> {
  const text = event.req.headers.get("dpop")
  if (text === null) {
    if (client.metadata.dpop_bound_access_tokens !== true) return undefined
    throw new OAuthError("invalid_dpop_proof", "the client registered that its tokens are bound to a key")
  }
  const now = server.clock().getTime()
  const { issuer, proofNonces: nonces } = server
  const proof = checkProof(text, { method: event.req.method, url: issuer + event.url.pathname, now, nonces })
  if (proof === "proof_nonce")
    throw new OAuthError("use_dpop_nonce", "the DPoP proof must carry the nonce of this answer")
  const fault = typeof proof === "string" ? proof : await usedBefore(server, proof)
  if (typeof proof !== "string" && fault === undefined) return proof.jkt
  server.log.warning("oauth_dpop_refused", { client_id: client.client_id, reason: fault })
  throw new OAuthError("invalid_dpop_proof", "the DPoP proof is not good for this request")
}

/** The answer to a request, with `DPoP-Nonce` for the client's next proof when it came with one (RFC 9449 §8.2). */
export function withNonce({ proofNonces }: AuthorizationServer, event: H3Event, response: Response): Response {
  if (proofNonces !== undefined && event.req.headers.has("dpop"))
    response.headers.set("dpop-nonce", proofNonces.current())
  return response
}

async function usedBefore(
  server: AuthorizationServer,
  { jkt, jti }: { jkt: string; jti: string },
): Promise<string | undefined> {
  // A proof is good from its time minus to its time plus the skew; its id is remembered for all of that.
  const first = await server.ttl.putNew("dpop", `${jkt}\n${jti}`, true, 2 * proofSkew * 1000)
  return first ? undefined : "proof_replayed"
}
