import * as z from "zod"
import { type Certificate, isOpen } from "../events/certificate.ts"
import { CertificateRequest, defaultName, requestCertificate } from "./certificate-request.ts"
import { command, existing, fact, idOf, requireOwner } from "./decision.ts"
import { CertificateName } from "../events/values.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { World } from "../events/world.ts"
import { foreignHost, lostHost, refuseForeign } from "./certificate-claims.ts"
import { attachedProxies } from "./ownership.ts"
import { find } from "../events/world.ts"

const Named = z.strictObject({ cert_name: CertificateName })
const certificate = ({ cert_name }: { cert_name: string }) => ({ kind: "certificate" as const, id: idOf(cert_name) })

/** The certificate, if the caller may change it. */
function owned(name: string, world: World, context: Context): Certificate {
  const state = existing(find(world, "certificate", idOf(name)), `certificate ${name}`)
  requireOwner(context, state.owner)
  return state
}

const day = 86_400_000

/** Instant from which a renewal is due: remaining life below the threshold or a third of the lifetime, whichever is less. */
export function renewalDueAt(material: { issued_at: string; expires_at: string }, thresholdDays: number): number {
  const expires = Date.parse(material.expires_at)
  return expires - Math.min(thresholdDays * day, (expires - Date.parse(material.issued_at)) / 3)
}

/** Is the certificate's current material due for renewal? */
function isDue({ material }: Certificate, now: string, thresholdDays: number): boolean {
  return material !== null && Date.parse(now) >= renewalDueAt(material, thresholdDays)
}

const CreateCertificate = command(
  CertificateRequest,
  (data) => certificate({ cert_name: data.cert_name ?? defaultName(data.domains[0]!) }),
  (data, world, context) => {
    const { name, event } = requestCertificate(data, world, context)
    return { events: [event], result: { cert_name: name, domains: data.domains } }
  },
)

const RenewCertificate = command(
  Named.extend({ force: z.boolean().default(false) }),
  certificate,
  (data, world, context) => {
    const state = owned(data.cert_name, world, context)
    const { generation, material } = state
    const expires_at = material?.expires_at ?? null
    const running = generation.state === "accepted" || generation.state === "in_progress"
    if (running) return { events: [], result: { renewed: true, expires_at } }
    refuseForeign(lostHost(state, world))
    const owed = material === null || generation.state !== "completed"
    if (!owed && !data.force && !isDue(state, context.now, context.policy.renewalThresholdDays))
      return { events: [], result: { renewed: false, expires_at } }
    return {
      events: [fact("certificate", idOf(state.cert_name), "CertificateRenewalRequested", { reason: "manual" })],
      result: { renewed: true, expires_at },
    }
  },
)

const RequestDueRenewal = command(Named, certificate, (data, world, context) => {
  const state = owned(data.cert_name, world, context)
  if (isOpen(state.generation) || !isDue(state, context.now, context.policy.renewalThresholdDays)) return { events: [] }
  refuseForeign(lostHost(state, world))
  return { events: [fact("certificate", idOf(state.cert_name), "CertificateRenewalRequested", { reason: "due" })] }
})

const ConvertCertificate = command(Named, certificate, (data, world, context) => {
  const state = owned(data.cert_name, world, context)
  if (state.issuer === "internal")
    throw new GatehouseError("invalid_state", "a certificate of the internal CA has no production form")
  if (state.environment === "production") return { events: [], result: { converted: false } }
  refuseForeign(lostHost(state, world))
  return {
    events: [
      fact("certificate", idOf(state.cert_name), "CertificateConversionRequested", {
        acme_directory_url: context.policy.acmeDirectoryUrl,
        environment: "production",
      }),
    ],
    result: { converted: true },
  }
})

const RecordKeyDownload = command(Named, certificate, (data, world, context) => {
  const state = owned(data.cert_name, world, context)
  if (state.material === null) throw new GatehouseError("invalid_state", "there is no key yet")
  if (!context.actor.admin) refuseForeign(foreignHost(state, world))
  return {
    events: [fact("certificate", idOf(state.cert_name), "CertificateKeyDownloaded", { by: context.actor.name })],
  }
})

const DeleteCertificate = command(
  Named.extend({ force: z.boolean().default(false) }),
  certificate,
  (data, world, context) => {
    const { cert_name, owner } = owned(data.cert_name, world, context)
    const attached = attachedProxies(world, cert_name)
    const foreign = attached.filter((proxy) => proxy.owner !== owner).map((proxy) => proxy.hostname)
    if (foreign.length > 0 && !(data.force && context.actor.admin))
      throw new GatehouseError("in_use", "another owner's proxy serves with it", { references: foreign })
    return {
      events: [
        ...attached.map(({ hostname }) => fact("proxy", hostname, "ProxyUpdated", { cert_name: null })),
        fact("certificate", idOf(cert_name), "CertificateDeleted", { cert_name }),
      ],
      result: { detached: attached.map((proxy) => proxy.hostname) },
    }
  },
)

/** Commands that people and the renewal scan give about certificates. */
export const certificateCommands = {
  CreateCertificate,
  RenewCertificate,
  RequestDueRenewal,
  ConvertCertificate,
  RecordKeyDownload,
  DeleteCertificate,
} as const
