import type { Certificate } from "../events/certificate.ts"
import { isAdministrator } from "../events/certificate-selection.ts"
import type { Proxy } from "../events/proxy.ts"
import { covers } from "../events/values.ts"
import { type World, all, find } from "../events/world.ts"
import { idOf } from "./decision.ts"
import { GatehouseError } from "../errors.ts"

type Claims = Pick<Certificate, "domains" | "owner">

/**
 * A host of another owner's that a certificate is good for; those of administrators may be good for every host.
 * @param counts which proxies count; all by default
 */
export function foreignHost(
  { domains, owner }: Claims,
  world: World,
  counts: (proxy: Proxy) => boolean = () => true,
): string | undefined {
  if (isAdministrator(world, owner)) return undefined
  for (const domain of domains) {
    const named = find(world, "proxy", domain)
    const covered = domain.startsWith("*.") ? [...all(world, "proxy")] : named === undefined ? [] : [named]
    const foreign = covered.find((proxy) => proxy.owner !== owner && covers(domain, proxy.hostname) && counts(proxy))
    if (foreign !== undefined) return foreign.hostname
  }
  return undefined
}

/** As {@link foreignHost}; a host that serves with this very certificate does so because an administrator said so. */
export function lostHost(certificate: Certificate, world: World): string | undefined {
  const name = idOf(certificate.cert_name)
  return foreignHost(certificate, world, ({ cert_name }) => cert_name === null || idOf(cert_name) !== name)
}

/** @throws GatehouseError `domain_claimed` */
export function refuseForeign(hostname: string | undefined): void {
  if (hostname !== undefined) throw new GatehouseError("domain_claimed", `${hostname} belongs to another owner`)
}
