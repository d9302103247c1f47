import type { CertificateMaterial } from "./certificate.ts"
import { covers } from "./values.ts"
import { type World, find } from "./world.ts"

/** What selection looks at; a certificate with material is one. */
export interface CertificateCandidate {
  readonly cert_name: string
  readonly domains: readonly string[]
  readonly owner: string
  readonly material: Pick<CertificateMaterial, "expires_at" | "environment">
}

/** The host that a handshake asks for, as far as it is a proxy. */
export interface CertificateRequester {
  readonly cert_name: string | null
  readonly owner: string
}

/** Candidates by name and by the domains they cover. The maps change only through {@link putCandidate} and {@link dropCandidate}. */
export interface CertificateIndex<C extends CertificateCandidate> {
  readonly byName: Map<string, C>
  readonly byDomain: Map<string, Set<C>>
}

/** An index of nothing. */
export function emptyIndex<C extends CertificateCandidate>(): CertificateIndex<C> {
  return { byName: new Map(), byDomain: new Map() }
}

/** Adds a candidate, in place of one of the same name. */
export function putCandidate<C extends CertificateCandidate>(index: CertificateIndex<C>, candidate: C): void {
  dropCandidate(index, candidate.cert_name)
  index.byName.set(candidate.cert_name.toLowerCase(), candidate)
  for (const domain of candidate.domains) {
    const covering = index.byDomain.get(domain)
    if (covering === undefined) index.byDomain.set(domain, new Set([candidate]))
    else covering.add(candidate)
  }
}

/** Removes the candidate of a name, if there is one. */
export function dropCandidate<C extends CertificateCandidate>(index: CertificateIndex<C>, name: string): void {
  const candidate = index.byName.get(name.toLowerCase())
  if (candidate === undefined) return
  index.byName.delete(name.toLowerCase())
  for (const domain of candidate.domains) {
    const covering = index.byDomain.get(domain)
    covering?.delete(candidate)
    if (covering?.size === 0) index.byDomain.delete(domain)
  }
}

/** Is a host among the names of a certificate? */
export function isFor({ domains }: Pick<CertificateCandidate, "domains">, hostname: string): boolean {
  return domains.some((domain) => covers(domain, hostname))
}

const environmentRank = { production: 0, internal: 1, staging: 2 } as const

/**
 * The certificate for a host: the attached one; else the best that its owner or an administrator has; else, in the same
 * order, an expired one (behaviour contract §3.4).
 * @param hostname lower case, A-labels, no port
 * @param requester the proxy of that host, or undefined for a host of Gatehouse's own
 * @param isAdmin does this owner name belong to an administrator?
 * @param now milliseconds since the epoch
 */
export function selectCertificate<C extends CertificateCandidate>(
  index: CertificateIndex<C>,
  hostname: string,
  requester: CertificateRequester | undefined,
  isAdmin: (owner: string) => boolean,
  now: number,
): C | undefined {
  const attached = requester?.cert_name ? index.byName.get(requester.cert_name.toLowerCase()) : undefined
  const fits = attached !== undefined && isFor(attached, hostname) ? attached : undefined
  if (fits !== undefined && !isExpired(fits, now)) return fits
  const usable = covering(index, hostname).filter(({ owner }) => owner === requester?.owner || isAdmin(owner))
  const ranked = usable.sort((a, b) => compare(a, b, hostname))
  return ranked.find((candidate) => !isExpired(candidate, now)) ?? fits ?? ranked[0]
}

function covering<C extends CertificateCandidate>(index: CertificateIndex<C>, hostname: string): C[] {
  const wildcard = `*${hostname.slice(hostname.indexOf("."))}`
  return [...new Set([...(index.byDomain.get(hostname) ?? []), ...(index.byDomain.get(wildcard) ?? [])])]
}

const isExpired = ({ material }: CertificateCandidate, now: number) => Date.parse(material.expires_at) <= now

/** Exact before wildcard · production before internal before staging · latest expiry · lowest name. */
function compare(a: CertificateCandidate, b: CertificateCandidate, hostname: string): number {
  const inexact = (candidate: CertificateCandidate) => (candidate.domains.includes(hostname) ? 0 : 1)
  const later = Date.parse(b.material.expires_at) - Date.parse(a.material.expires_at)
  return (
    inexact(a) - inexact(b) ||
    environmentRank[a.material.environment] - environmentRank[b.material.environment] ||
    later ||
    (a.cert_name < b.cert_name ? -1 : 1)
  )
}

/** Do objects of this owner belong to an administrator? */
export function isAdministrator(world: World, owner: string): boolean {
  return owner === "admin" || find(world, "api-token", owner)?.is_admin === true
}
