import type * as z from "zod"
import { type SessionDetail, type SessionView, lifetime } from "../projections/views/oauth-session.ts"
import type { Api } from "./endpoint.ts"
import type { IndexedRecord } from "../platform/oauth-index.ts"
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
  readonly seen: number
  /** When it ends whatever happens, milliseconds since the epoch. */
  readonly ends: number
}

/** Browsers that are signed in. @throws GatehouseError `store_unavailable` */
export async function browserSessions({ oauth, projections, clock }: Api): Promise<BrowserLine[]> {
  const lines = await oauth.index.lines("session", clock().getTime())
  const records = (await oauth.index.records(lines.map(({ key }) => key))) as (BrowserRecord | undefined)[]
  return lines.flatMap((line, place) => {
    const record = records[place]
    const ended = record !== undefined && find(projections.world, "browser-session", record.session_id) !== undefined
    return record === undefined || ended ? [] : [browserLine(line, record)]
  })
}

function browserLine(line: IndexedRecord, { session_id, user, ip, opened, seen, ends }: BrowserRecord): BrowserLine {
  const view = {
    session_id,
    kind: "browser" as const,
    user: user.username,
    subject: user.subject,
    email: user.email,
    client_id: null,
    client_name: null,
    ...lifetime(opened, seen),
    active_tokens: null,
    accessed_proxies: null,
  }
  return { line, view, provider: user.provider, ip, seen, ends }
}

/** Everything about a signed-in browser. */
export function browserSession({ line, view, provider, ip, seen }: BrowserLine): z.infer<typeof SessionDetail> {
  return {
    ...view,
    provider,
    scope: null,
    resources: [],
    refresh: null,
    requests: null,
    ip_addresses: [{ address: ip, last_seen: new Date(seen).toISOString() }],
    expires_at: new Date(line.expires).toISOString(),
  }
}
