import type { OAuthNode } from "./oauth-node.ts"
import { signingKeys } from "../../src/oauth/signing-keys.ts"
import { vault } from "../../src/platform/vault.ts"

/** Makes a new signing key on a node, as the administration's endpoint does. */
export async function rotateSigningKey(node: OAuthNode): Promise<{ kid: string; activates_at: string }> {
  const parts = { ...node, clock: node.now, vault: vault(Buffer.from(node.config.MASTER_KEY, "base64")) }
  const rotation = await signingKeys(parts).rotation()
  await node.bus.execute({ ...rotation, actor: { name: "ADMIN", admin: true, token: "admin" } }, 10_000)
  return rotation.data
}
