import * as z from "zod"
import { type Certificate, Step } from "../events/certificate.ts"
import { CertificateName, Instant, SecretRef } from "../events/values.ts"
import { command, existing, fact, idOf, requireAdmin } from "./decision.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { World } from "../events/world.ts"
import { find } from "../events/world.ts"

const Named = z.strictObject({ cert_name: CertificateName })
const certificate = ({ cert_name }: { cert_name: string }) => ({ kind: "certificate" as const, id: idOf(cert_name) })

/** The certificate whose generation is in one of `states`; a late report of aborted work is refused. */
function working(name: string, states: readonly string[], world: World, context: Context): Certificate {
  requireAdmin(context)
  const state = existing(find(world, "certificate", idOf(name)), `certificate ${name}`)
  if (!states.includes(state.generation.state))
    throw new GatehouseError("invalid_state", `the generation is ${state.generation.state}`)
  return state
}

const running = ["in_progress"] as const

const StartAttempt = command(
  Named.extend({ directory_url: z.string().nullable() }),
  certificate,
  (data, world, context) => {
    const { generation } = working(data.cert_name, ["accepted", "waiting_retry", "in_progress"], world, context)
    const attempt = generation.attempt + 1
    return {
      events: [
        fact("certificate", idOf(data.cert_name), "CertificateAttemptStarted", {
          attempt,
          directory_url: data.directory_url,
        }),
      ],
      result: { attempt },
    }
  },
)

const RecordOrder = command(Named.extend({ order_url: z.string() }), certificate, (data, world, context) => {
  working(data.cert_name, running, world, context)
  return {
    events: [fact("certificate", idOf(data.cert_name), "CertificateOrderRecorded", { order_url: data.order_url })],
  }
})

const PublishChallenge = command(
  Named.extend({
    domain: z.string(),
    token: z.string().regex(/^[A-Za-z0-9_-]{1,512}$/),
    key_authorization: z.string().max(1024),
  }),
  certificate,
  ({ cert_name, ...challenge }, world, context) => {
    const { generation } = working(cert_name, running, world, context)
    if (generation.challenges.some(({ token }) => token === challenge.token)) return { events: [] }
    return { events: [fact("certificate", idOf(cert_name), "CertificateChallengePublished", challenge)] }
  },
)

const SaveKey = command(
  Named.extend({ key_ref: SecretRef, csr_pem: z.string() }),
  certificate,
  ({ cert_name, ...key }, world, context) => {
    working(cert_name, running, world, context)
    return { events: [fact("certificate", idOf(cert_name), "CertificateKeySaved", key)] }
  },
)

const RecordIssued = command(
  Named.extend({
    fullchain_pem: z.string(),
    key_ref: SecretRef,
    issued_at: Instant,
    expires_at: Instant,
    fingerprint_sha256: z.string(),
  }),
  certificate,
  ({ cert_name, ...material }, world, context) => {
    const { generation, issuer, acme_directory_url, environment } = working(cert_name, running, world, context)
    if (generation.directory_url !== acme_directory_url)
      throw new GatehouseError("invalid_state", "the attempt was made at another directory")
    if (issuer === "acme" && generation.key_ref !== material.key_ref)
      throw new GatehouseError("invalid_state", "the key is not the one that was saved for this order")
    return { events: [fact("certificate", idOf(cert_name), "CertificateIssued", { ...material, environment })] }
  },
)

const RecordAttemptFailed = command(
  Named.extend({
    step: Step,
    code: z.string().regex(/^[a-z0-9_]{1,64}$/),
    detail: z.string().max(1000),
    next_attempt_at: Instant.nullable(),
  }),
  certificate,
  ({ cert_name, ...failure }, world, context) => {
    working(cert_name, running, world, context)
    return { events: [fact("certificate", idOf(cert_name), "CertificateAttemptFailed", failure)] }
  },
)

/** Commands by which the certificate effect reports what it did. */
export const certificateReports = {
  StartAttempt,
  RecordOrder,
  PublishChallenge,
  SaveKey,
  RecordIssued,
  RecordAttemptFailed,
} as const
