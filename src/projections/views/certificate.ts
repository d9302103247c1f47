import * as z from "zod"
import { type Certificate, Environment, type Generation, Issuer, KeyType, Step } from "../../events/certificate.ts"
import { type World, find, referring } from "../../events/world.ts"

/** Where a certificate is in its life. */
export const CertificateStatus = z.enum(["pending", "active", "renewing", "replacing", "failed", "expired"])

const LastError = z.strictObject({ code: z.string(), detail: z.string() }).nullable()

/** A certificate as lists show it. */
export const CertificateView = z
  .strictObject({
    cert_name: z.string(),
    domains: z.array(z.string()),
    email: z.string().nullable(),
    issuer: Issuer,
    acme_directory_url: z.string().nullable(),
    environment: Environment,
    key_type: KeyType,
    status: CertificateStatus,
    serving: z.boolean().describe("Is there material that handshakes can use?"),
    expires_at: z.string().nullable(),
    issued_at: z.string().nullable(),
    fingerprint_sha256: z.string().nullable(),
    owner: z.string(),
    owner_token_hash: z.string().nullable(),
    last_error: LastError,
    next_renewal_at: z.string().nullable(),
    created_at: z.string(),
    attached_to: z.array(z.string()).describe("Host names of the proxies that name this certificate."),
  })
  .meta({ id: "Certificate" })

/** A certificate with its chain. */
export const CertificateDetail = CertificateView.extend({
  fullchain_pem: z.string().nullable(),
  private_key_pem: z.string().optional().describe("Only with include_private_key=true."),
}).meta({ id: "CertificateDetail" })

/** The work on a certificate. */
export const GenerationView = z
  .strictObject({
    state: z.enum(["idle", "accepted", "in_progress", "waiting_retry", "completed", "failed", "cancelled"]),
    step: Step.nullable(),
    attempt: z.int(),
    next_attempt_at: z.string().nullable(),
    last_error: LastError,
  })
  .meta({ id: "Generation" })

/** Is an attempt running, or due to run? One that waits for its time is not. */
function running(generation: Generation, now: string): boolean {
  const { state, next_attempt_at } = generation
  if (state === "waiting_retry") return next_attempt_at !== null && Date.parse(next_attempt_at) <= Date.parse(now)
  return state === "accepted" || state === "in_progress"
}

/** Status of a certificate at an instant. @param now ISO 8601 */
export function certificateStatus(certificate: Certificate, now: string): z.infer<typeof CertificateStatus> {
  const { material, generation } = certificate
  const active = running(generation, now)
  if (material === null) return active ? "pending" : "failed"
  const expired = Date.parse(material.expires_at) <= Date.parse(now)
  // Work that began before the end does not hide it; a renewal that began after it is the way back.
  if (expired && !(active && Date.parse(generation.started_at) >= Date.parse(material.expires_at))) return "expired"
  if (!active) return "active"
  return generation.purpose === "replace" ? "replacing" : "renewing"
}

/** What a certificate's view needs besides its state. */
export interface CertificateContext {
  readonly world: World
  /** ISO 8601 */
  readonly now: string
  /** Instant from which a renewal of the present material is due; null without material. */
  readonly renewalAt: (certificate: Certificate) => string | null
  /** Host names of the proxies that name the certificate. */
  readonly attachedTo: (certName: string) => readonly string[]
}

/** Host names by the certificate that their proxies name. */
export function attachments(world: World): CertificateContext["attachedTo"] {
  return (certName) =>
    referring(world, "proxy", `certificate/${certName.toLowerCase()}`)
      .map(({ hostname }) => hostname)
      .sort()
}

/** View of a certificate. */
export function certificateView(
  certificate: Certificate,
  context: CertificateContext,
): z.infer<typeof CertificateView> {
  const { material, generation } = certificate
  const owner = find(context.world, "api-token", certificate.owner)
  return {
    cert_name: certificate.cert_name,
    domains: [...certificate.domains],
    email: certificate.email,
    issuer: certificate.issuer,
    acme_directory_url: certificate.acme_directory_url,
    environment: material?.environment ?? certificate.environment,
    key_type: certificate.key_type,
    status: certificateStatus(certificate, context.now),
    serving: material !== null,
    expires_at: material?.expires_at ?? null,
    issued_at: material?.issued_at ?? null,
    fingerprint_sha256: material?.fingerprint_sha256 ?? null,
    owner: owner?.name ?? certificate.owner,
    owner_token_hash: owner?.hash ?? null,
    last_error: generation.last_error,
    next_renewal_at: context.renewalAt(certificate),
    created_at: certificate.created_at,
    attached_to: [...context.attachedTo(certificate.cert_name)],
  }
}

/** View of the work on a certificate. @param retentionSeconds after that long an ended generation shows as `idle` */
export function generationView(
  generation: Generation,
  now: string,
  retentionSeconds: number,
): z.infer<typeof GenerationView> {
  const { state, step, attempt, next_attempt_at, last_error, ended_at } = generation
  const forgotten = ended_at !== null && Date.parse(now) - Date.parse(ended_at) > retentionSeconds * 1000
  if (forgotten) return { state: "idle", step: null, attempt: 0, next_attempt_at: null, last_error }
  return { state, step, attempt, next_attempt_at, last_error }
}
