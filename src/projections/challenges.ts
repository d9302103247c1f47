import { all, find } from "../events/world.ts"
import type { Certificate } from "../events/certificate.ts"
import type { Projections } from "./projections.ts"

/** Read model: ACME http-01 token → key authorization (RFC 8555 §8.3). Every node answers from it. */
export interface Challenges {
  keyAuthorization(token: string): string | undefined
  close(): void
}

/** Milliseconds that a challenge is answered: whoever asks later asks for a run that nobody goes on with. */
const longestMs = 3_600_000

interface Published {
  readonly keyAuthorization: string
  /** When this node first knew it, milliseconds of its clock. */
  readonly at: number
}

/** Follows the open challenges of all certificates. @param now milliseconds of a clock that never goes back */
export function challenges(projections: Projections, now: () => number): Challenges {
  const byToken = new Map<string, Published>()
  const tokensOf = new Map<string, readonly string[]>()
  const put = (id: string, certificate: Certificate | undefined) => {
    const before = new Map((tokensOf.get(id) ?? []).map((token) => [token, byToken.get(token)?.at]))
    for (const token of before.keys()) byToken.delete(token)
    tokensOf.delete(id)
    const open = certificate?.generation.challenges ?? []
    for (const { token, key_authorization } of open)
      byToken.set(token, { keyAuthorization: key_authorization, at: before.get(token) ?? now() })
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
  return {
    keyAuthorization(token) {
      const published = byToken.get(token)
      return published !== undefined && now() - published.at <= longestMs ? published.keyAuthorization : undefined
    },
    close: stop,
  }
}
