import type { Api } from "./endpoint.ts"
import type { Certificate } from "../events/certificate.ts"
import { all, find } from "../events/world.ts"
import { covers } from "../events/values.ts"

/** Host name of the built-in authorization server. */
export function oauthHost({ config }: Pick<Api, "config">): string {
  return config.oauthAuthority.replace(/:\d+$/, "")
}

/** Certificates that the OAuth host may be served with, or will be: those of administrators that cover it. */
export function oauthCertificates({
  config,
  projections: { world },
}: Pick<Api, "config" | "projections">): Certificate[] {
  const host = oauthHost({ config })
  const isAdmin = (owner: string) => owner === "admin" || find(world, "api-token", owner)?.is_admin === true
  return [...all(world, "certificate")].filter(
    ({ owner, domains }) => isAdmin(owner) && domains.some((domain) => covers(domain, host)),
  )
}

/** Is there one that is good now? @param now milliseconds since the epoch */
export function certificateValid(certificates: readonly Certificate[], now: number): boolean {
  return certificates.some(({ material }) => material !== null && Date.parse(material.expires_at) > now)
}
