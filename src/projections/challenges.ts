import { all, find } from "../events/world.ts"
import type { Certificate } from "../events/certificate.ts"
import type { Projections } from "./projections.ts"

/** Read model: ACME http-01 token → key authorization (RFC 8555 §8.3). Every node answers from it. */
export interface Challenges {
  keyAuthorization(token: string): string | undefined
  close(): void
}

/** Follows the open challenges of all certificates. */
export function challenges(projections: Projections): Challenges {
  const byToken = new Map<string, string>()
  const tokensOf = new Map<string, readonly string[]>()
  const put = (id: string, certificate: Certificate | undefined) => {
    for (const token of tokensOf.get(id) ?? []) byToken.delete(token)
    tokensOf.delete(id)
    const open = certificate?.generation.challenges ?? []
    for (const { token, key_authorization } of open) byToken.set(token, key_authorization)
    if (open.length > 0)
      tokensOf.set(
        id,
        open.map(({ token }) => token),
      )
  }
  for (const certificate of all(projections.world, "certificate")) put(certificate.cert_name.toLowerCase(), certificate)
  const stop = projections.listen((events, world) => {
    const touched = new Set(events.filter(({ kind }) => kind === "certificate").map(({ id }) => id))
    for (const id of touched) put(id, find(world, "certificate", id))
  })
  return { keyAuthorization: (token) => byToken.get(token), close: stop }
}
