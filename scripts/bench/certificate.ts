import { createInternalAuthority, signCertificate } from "../../src/effects/internal-authority.ts"
import { generateKey } from "../../src/effects/keys.ts"
import { join } from "node:path"
import { writeFileSync } from "node:fs"

/** A P-256 certificate for the peers, of the same shape as Gatehouse's own: leaf and internal authority. @returns PEM files */
export async function peerCertificate(dir: string, domain: string): Promise<{ cert: string; key: string }> {
  const now = new Date()
  const leaf = await generateKey("ecdsa-p256", 0)
  const files = { cert: join(dir, "peer-cert.pem"), key: join(dir, "peer-key.pem") }
  writeFileSync(files.cert, await signCertificate(await createInternalAuthority(now), [domain], leaf, now))
  writeFileSync(files.key, leaf.pem, { mode: 0o600 })
  return files
}
