import type { Call } from "./endpoint.ts"
import { type Sight, known } from "./oauth-sight.ts"
import { activeBy, tokenLines } from "./oauth-token-lines.ts"
import { all, find } from "../events/world.ts"
import type { Client } from "../events/oauth-client.ts"
import type { Grant } from "../events/grant.ts"
import type { SessionUse } from "../projections/views/oauth-session.ts"
import type { Used } from "../platform/usage.ts"
import { recordKey } from "../platform/record-key.ts"

/** A grant that can still be used, and how it is used. */
export interface GrantSession {
  readonly grant: Grant
  readonly client: Client | undefined
  readonly use: SessionUse
  readonly used: Used | null
}

/** Sessions whose use is looked up for one list; of more the use is not known. */
const mostLookedUp = 2000

/**
 * Grants of which something can still be used, an access token or a refresh token; all that stand while the store cannot say.
 * @param admit which grants are wanted
 */
export async function grantSessions(
  { api }: Call,
  sight: Sight,
  admit: (grant: Grant) => boolean,
): Promise<GrantSession[]> {
  const { world } = api.projections
  const now = api.clock().getTime()
  const [tokens, families] = await Promise.all([tokenLines(api), known(api.oauth.index.lines("refresh", now))])
  const active = tokens && activeBy(tokens, ({ grant_id }) => grant_id)
  const refreshable = families && new Set(families.map(({ key }) => key))
  const lastIssued = new Map<string, number>()
  for (const { grant_id, issued } of tokens ?? [])
    lastIssued.set(grant_id, Math.max(lastIssued.get(grant_id) ?? 0, issued))
  const usable = ({ grant_id }: Grant) =>
    active === null || refreshable === null || active.has(grant_id) || refreshable.has(recordKey("refresh", grant_id))
  const grants = [...all(world, "grant")].filter((grant) => sight.grant(grant) && admit(grant) && usable(grant))
  return Promise.all(
    grants.map(async (grant, index) => {
      const used = index < mostLookedUp ? await known(usageOf(api, grant)) : null
      return {
        grant,
        client: find(world, "client", grant.client_id),
        used,
        use: {
          activeTokens: active && (active.get(grant.grant_id) ?? 0),
          lastActivity: Math.max(used?.last ?? 0, lastIssued.get(grant.grant_id) ?? 0),
          hosts: used && sight.hosts(used.hosts.keys()),
        },
      }
    }),
  )
}

const unused: Used = { requests: 0, last: 0, hosts: new Map(), addresses: new Map() }

async function usageOf({ oauth }: Call["api"], { grant_id }: Grant): Promise<Used> {
  return (await oauth.usage.of("grant", grant_id)) ?? unused
}
