import type { Api } from "./endpoint.ts"
import type * as z from "zod"
import type { Grant } from "../events/grant.ts"
import { type TokenStatus, rememberedMs, tokenStatus } from "../projections/views/oauth-token.ts"
import { find } from "../events/world.ts"
import { known } from "./oauth-sight.ts"

/** An access token as the index of issued tokens has it. Times are milliseconds since the epoch. */
export interface TokenLine {
  /** Key of its record. */
  readonly key: string
  readonly jti: string
  readonly client_id: string
  readonly grant_id: string
  readonly issued: number
  readonly expires: number
  readonly status: z.infer<typeof TokenStatus>
  /** Undefined when it does not stand any more. */
  readonly grant: Grant | undefined
}

/** Every access token that is good, revoked, or expired within the last hour; null while the store cannot say. */
export async function tokenLines({ oauth, projections, clock }: Api): Promise<TokenLine[] | null> {
  const now = clock().getTime()
  const lines = await known(oauth.index.lines("token", now - rememberedMs))
  if (lines === null) return null
  const { world } = projections
  return lines.flatMap(({ key, facets: [grant_id, client_id, jti, iat, exp] }) => {
    if (grant_id === undefined || client_id === undefined || jti === undefined) return []
    const expires = Number(exp) * 1000
    const grant = find(world, "grant", grant_id)
    const clientKnown = find(world, "client", client_id) !== undefined
    const status = tokenStatus({ jti, client_id, expires }, grant, clientKnown, now)
    return [{ key, jti, client_id, grant_id, issued: Number(iat) * 1000, expires, status, grant }]
  })
}

/** How many tokens are good, by a trait of theirs. */
export function activeBy(lines: readonly TokenLine[], trait: (line: TokenLine) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const line of lines) if (line.status === "active") counts.set(trait(line), (counts.get(trait(line)) ?? 0) + 1)
  return counts
}
