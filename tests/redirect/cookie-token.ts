import { type BrowserClaims } from "../../src/projections/browser-claims.ts"
import type { OAuthNode } from "../oauth/oauth-node.ts"
import { SignJWT, decodeJwt } from "jose"
import { all } from "../../src/events/world.ts"
import { createPrivateKey } from "node:crypto"
import { vault } from "../../src/platform/vault.ts"

/** Signs claims with the node's own key, whatever they say: what only a stolen key or a mistake of ours could make. */
export async function signAs(
  node: OAuthNode,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const [key] = [...all(node.world, "signing-key")]
  const sealed = await node.store.secret(key!.key_ref)
  const pem = vault(Buffer.from(node.config.MASTER_KEY, "base64")).open(key!.key_ref, sealed!)
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", typ: "gatehouse-session+jwt", kid: key!.kid, ...header })
    .sign(createPrivateKey(pem))
}

/** What a cookie says. */
export const claimsIn = (cookie: string) => decodeJwt(cookie) as unknown as BrowserClaims
