import { type Certificate, isOpen } from "../events/certificate.ts"
import { CertificateRequest, defaultName, requestCertificate } from "./certificate-request.ts"
import {
  type CertificateCandidate,
  emptyIndex,
  isAdministrator,
  putCandidate,
  selectCertificate,
} from "../events/certificate-selection.ts"
import { type World, all, find } from "../events/world.ts"
import { attachedProxies } from "./ownership.ts"
import { existing, idOf, invalid } from "./decision.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { NewEvent } from "../events/envelope.ts"
import { covers } from "../events/values.ts"

/** How a proxy came by its certificate: `started` a request, took an `existing` one, or needs none. */
export interface Provision {
  readonly events: readonly NewEvent[]
  readonly cert_name: string | null
  readonly certificate_status: "started" | "existing" | "not_required"
}

/** What a caller may say about the certificate of a new proxy. */
export interface Wish {
  readonly owner: string
  readonly cert_email?: string | undefined
  readonly staging: boolean
  readonly acme_directory_url?: string | undefined
}

/**
 * A named certificate for a host: it must exist, cover the host and belong to the caller or its proxy's owner.
 * @param force attaches one that does not cover the host
 * @throws GatehouseError `validation_failed`, `not_owner`, `certificate_not_covering`
 */
export function attach(
  certName: string,
  hostname: string,
  owner: string,
  force: boolean,
  world: World,
  { actor }: Context,
): Provision {
  const certificate = find(world, "certificate", idOf(certName))
  if (certificate === undefined) throw invalid("cert_name", `there is no certificate ${certName}`)
  if (!actor.admin && certificate.owner !== owner)
    throw new GatehouseError("not_owner", `the certificate ${certName} belongs to another token`)
  if (!force && !certificate.domains.some((domain) => covers(domain, hostname)))
    throw new GatehouseError("certificate_not_covering", `${certificate.cert_name} does not cover ${hostname}`)
  return { events: [], cert_name: certificate.cert_name, certificate_status: "existing" }
}

/** The best certificate that is there for a host, or a request for a new one. */
export function provision(hostname: string, wish: Wish, world: World, context: Context): Provision {
  const found = bestFor(hostname, wish.owner, world, context.now)
  if (found !== undefined) return { events: [], cert_name: found.cert_name, certificate_status: "existing" }
  const base = defaultName(hostname)
  const pending = find(world, "certificate", base)
  if (
    pending !== undefined &&
    pending.owner === wish.owner &&
    isOpen(pending.generation) &&
    pending.domains.some((domain) => covers(domain, hostname))
  )
    return { events: [], cert_name: pending.cert_name, certificate_status: "started" }
  const request = CertificateRequest.parse({
    cert_name: freeName(base, world),
    domains: [hostname],
    email: wish.cert_email,
    staging: wish.staging,
    acme_directory_url: wish.acme_directory_url,
    owner: context.actor.admin ? wish.owner : undefined,
  })
  const { name, event } = requestCertificate(request, world, context)
  return { events: [event], cert_name: name, certificate_status: "started" }
}

function freeName(base: string, world: World): string {
  for (let suffix = 1; ; suffix += 1) {
    const name = suffix === 1 ? base : `${base}-${suffix}`
    if (find(world, "certificate", idOf(name)) === undefined) return name
  }
}

/** What a handshake for the host would get, unless it has expired: one rule for both (behaviour contract §3.4). */
function bestFor(hostname: string, owner: string, world: World, now: string): CertificateCandidate | undefined {
  const index = emptyIndex<CertificateCandidate>()
  for (const { material, ...certificate } of all(world, "certificate"))
    if (
      material !== null &&
      material.expires_at > now &&
      certificate.domains.some((domain) => covers(domain, hostname))
    )
      putCandidate(index, { ...certificate, material })
  const isAdmin = (holder: string) => isAdministrator(world, holder)
  return selectCertificate(index, hostname, { cert_name: null, owner }, isAdmin, Date.parse(now))
}

/**
 * The certificate that goes with its proxy.
 * @throws GatehouseError `not_owner`, `in_use`
 */
export function removable(certName: string, hostname: string, world: World, { actor }: Context): Certificate {
  const certificate = existing(find(world, "certificate", idOf(certName)), `certificate ${certName}`)
  if (!actor.admin && actor.token !== certificate.owner) throw new GatehouseError("not_owner")
  const others = attachedProxies(world, certName).filter((proxy) => proxy.hostname !== hostname)
  if (others.length > 0)
    throw new GatehouseError("in_use", `${certName} serves other hosts`, {
      references: others.map((proxy) => proxy.hostname),
    })
  return certificate
}
