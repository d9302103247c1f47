import { type EffectContext, newSecretRef, openSecret, report } from "./effect-context.ts"
import { type InternalAuthority, createInternalAuthority, signCertificate } from "./internal-authority.ts"
import type { Attempt } from "./attempt.ts"
import { find } from "../events/world.ts"
import { generateKey } from "./keys.ts"
import { verifyChain } from "./issued-chain.ts"

/** One attempt at a certificate of Gatehouse's own CA, which is created when it is first needed. */
export async function issueInternally(context: EffectContext, { certificate, step }: Attempt): Promise<void> {
  const authority = await theAuthority(context)
  step("finalize")
  const key = await generateKey(certificate.key_type, context.config.RSA_KEY_SIZE)
  const chain = await signCertificate(authority, certificate.domains, key, context.now())
  const material = verifyChain(chain, key.pem, certificate.domains, context.now())
  const key_ref = newSecretRef("cert-key")
  await report(
    context,
    "RecordIssued",
    { cert_name: certificate.cert_name, ...material, key_ref },
    { [key_ref]: key.pem },
  )
}

async function theAuthority(context: EffectContext): Promise<InternalAuthority> {
  const present = await recordedAuthority(context)
  if (present !== undefined) return present
  const made = await createInternalAuthority(context.now())
  const key_ref = newSecretRef("internal-authority")
  const data = { certificate_pem: made.certificatePem, key_ref, expires_at: made.expiresAt.toISOString() }
  await report(context, "CreateInternalAuthority", data, { [key_ref]: made.keyPem })
  // Another attempt may have been first: what is recorded counts.
  return (await recordedAuthority(context)) ?? made
}

async function recordedAuthority(context: EffectContext): Promise<InternalAuthority | undefined> {
  const recorded = find(context.projections.world, "authority", "internal")
  if (recorded?.type !== "internal") return undefined
  const keyPem = await openSecret(context, recorded.key_ref)
  if (keyPem === undefined) throw new Error("the key of the internal authority is not in the vault")
  return { certificatePem: recorded.certificate_pem, keyPem }
}
