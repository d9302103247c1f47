import type * as z from "zod"
import { type SessionDetail, type SessionView, lifetime } from "../projections/views/oauth-session.ts"
import type { Call } from "./endpoint.ts"
import type { IndexedRecord } from "../platform/oauth-index.ts"
import type { Used } from "../platform/usage.ts"
import { type Sight, known, sightOf } from "./oauth-sight.ts"
import { find } from "../events/world.ts"

/** What is read of a signed-in browser's record; its key's id is the secret of its cookie. */
interface BrowserRecord {
  readonly session_id: string
  readonly user: {
    readonly provider: string
    readonly subject: string
    readonly username: string
    readonly email: string | null
  }
  readonly ip: string
  /** Milliseconds since the epoch. */
  readonly opened: number
  readonly seen: number
  readonly ends: number
}

/** A signed-in browser, and where its record is. */
export interface BrowserLine {
  readonly line: IndexedRecord
  readonly view: z.infer<typeof SessionView>
  readonly provider: string
  readonly ip: string
  /** On the hosts that it signed in on; null when it is not known. */
  readonly used: Used | null
  readonly seen: number
  /** When it ends whatever happens, milliseconds since the epoch. */
  readonly ends: number
}

/** Sessions whose use is looked up for one list; of more the use is not known. */
const mostLookedUp = 2000
const unused: Used = { requests: 0, last: 0, hosts: new Map(), addresses: new Map() }

/** Browsers that are signed in and that the caller may see: an owner those that were used on hosts of theirs. @throws GatehouseError `store_unavailable` */
export async function browserSessions({ api, caller }: Call): Promise<BrowserLine[]> {
  const { oauth, projections, clock } = api
  const sight = sightOf(api, caller)
  const lines = await oauth.index.lines("session", clock().getTime())
  const records = (await oauth.index.records(lines.map(({ key }) => key))) as (BrowserRecord | undefined)[]
  const found = lines.flatMap((line, place) => {
    const record = records[place]
    const ended = record !== undefined && find(projections.world, "browser-session", record.session_id) !== undefined
    return record === undefined || ended ? [] : [{ line, record }]
  })
  const browsers = await Promise.all(
    found.map(async ({ line, record }, place) => {
      const used = place < mostLookedUp ? await known(oauth.usage.of("grant", record.session_id)) : null
      return browserLine(line, record, used === undefined ? unused : used, sight)
    }),
  )
  return caller.admin ? browsers : browsers.filter(({ view }) => (view.accessed_proxies ?? []).length > 0)
}

function browserLine(
  line: IndexedRecord,
  { session_id, user, ip, opened, seen, ends }: BrowserRecord,
  used: Used | null,
  sight: Sight,
): BrowserLine {
  const last = Math.max(seen, used?.last ?? 0)
  const view = {
    session_id,
    kind: "browser" as const,
    user: user.username,
    subject: user.subject,
    email: user.email,
    client_id: null,
    client_name: null,
    ...lifetime(opened, last),
    active_tokens: null,
    accessed_proxies: used && sight.hosts(used.hosts.keys()),
  }
  return { line, view, provider: user.provider, ip, used, seen: last, ends }
}

/** Everything about a signed-in browser. @param whole false leaves out what it did on hosts of others */
export function browserSession(
  { line, view, provider, ip, used, seen }: BrowserLine,
  whole: boolean,
): z.infer<typeof SessionDetail> {
  return {
    ...view,
    provider,
    scope: null,
    resources: [],
    refresh: null,
    requests: whole ? used && used.requests : null,
    ip_addresses: whole ? [{ address: ip, last_seen: new Date(seen).toISOString() }] : null,
    expires_at: new Date(line.expires).toISOString(),
  }
}
