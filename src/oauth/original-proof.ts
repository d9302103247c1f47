import type { AuthorizationServer } from "./authorization-server.ts"
import type { H3Event } from "h3"
import { OAuthError } from "./oauth-error.ts"
import type { OriginalRequest } from "./original-request.ts"
import { checkProof } from "../projections/dpop-proof.ts"
import { dpopChallenge } from "../projections/bearer-challenge.ts"
import { hostOrigin } from "../projections/browser-host.ts"
import { proofLife } from "../projections/dpop-nonce.ts"

/**
 * Judges the proof of possession that came with the original request as the gateway would (RFC 9449 §7.1), once on all nodes.
 * @param confirmation `cnf` of the token
 * @throws OAuthError `use_dpop_nonce`, `invalid_dpop_proof`, `invalid_token`, each as a 401; GatehouseError `store_unavailable`
 */
export async function requireProof(
  server: AuthorizationServer,
  event: H3Event,
  { proxy, method, path }: OriginalRequest,
  token: string,
  confirmation: unknown,
): Promise<void> {
  const { config, proofNonces: nonces } = server
  if (proxy === undefined || path === undefined)
    throw new OAuthError(
      "invalid_token",
      "the token is bound to a key, and the request that its proof is for is not told",
      {
        headers: { "www-authenticate": `DPoP realm="${server.issuer}", error="invalid_token"` },
      },
    )
  const refuse = (code: "use_dpop_nonce" | "invalid_dpop_proof" | "invalid_token", description: string) =>
    new OAuthError(code, description, {
      status: 401,
      headers: { "www-authenticate": dpopChallenge(proxy, config.publicHttpsPort, { error: code, description }) },
    })
  const text = event.req.headers.get("dpop") ?? ""
  const url = hostOrigin(proxy.hostname, config.publicHttpsPort) + path
  const proof = checkProof(text, { method, url, token, now: server.clock().getTime(), nonces })
  if (proof === "proof_nonce") throw refuse("use_dpop_nonce", "the DPoP proof must carry the nonce of this answer")
  if (typeof proof === "string") throw refuse("invalid_dpop_proof", "the DPoP proof is not good for this request")
  const { jkt, jti } = proof
  if (jkt !== (confirmation as { jkt?: unknown } | null)?.jkt)
    throw refuse("invalid_token", "the DPoP proof is by another key than the token's")
  if (!(await server.ttl.putNew("proof", `${jkt}\n${jti}`, true, proofLife(nonces !== undefined))))
    throw refuse("invalid_dpop_proof", "the DPoP proof was used before")
}
