import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { type GrantSession, grantSessions } from "../oauth-sessions.ts"
import { type BrowserLine, browserSession, browserSessions } from "../oauth-browsers.ts"
import type { RefreshRecord } from "../oauth-issued.ts"
import { SessionDetail, SessionView, grantSession } from "../../projections/views/oauth-session.ts"
import { clientScope, counted } from "../../projections/oauth-counted.ts"
import { find } from "../../events/world.ts"
import { instant, known, sightOf } from "../oauth-sight.ts"
import { listOf, listPage, listQuery } from "../list.ts"
import { GatehouseError } from "../../errors.ts"
import { recordKey } from "../../platform/record-key.ts"
import { write } from "../write.ts"

const tag = "oauth"
const NamedSession = z.strictObject({ session_id: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/) })

/** Numbers about a list of sessions. */
export const SessionSummary = z.strictObject({
  total_sessions: z.int(),
  unique_users: z.int(),
  average_session_duration: z.number().nullable().describe("Minutes; null when there is none."),
})

/** How sessions are listed. */
export const sessionQuery = listQuery(["created", "last_activity", "user", "client_id", "active_tokens"], "desc")

type View = z.infer<typeof SessionView>

/** A page of sessions with its summary. */
export function sessionPage(views: readonly View[], query: z.output<typeof sessionQuery>): Record<string, unknown> {
  const key = (view: View) => view[query.sort_by] ?? (query.sort_by === "active_tokens" ? -1 : "")
  const minutes = views.map(({ duration_minutes }) => duration_minutes)
  const average = minutes.reduce((sum, value) => sum + value, 0) / minutes.length
  return {
    ...listPage(
      "sessions",
      views,
      query,
      key,
      ({ session_id }) => session_id,
      (view) => view,
    ),
    summary: {
      total_sessions: views.length,
      unique_users: new Set(views.map(({ subject }) => subject)).size,
      average_session_duration: views.length === 0 ? null : Math.round(average * 100) / 100,
    },
  }
}

const listSessions = endpoint({
  method: "GET",
  path: "/api/v1/oauth/sessions",
  operationId: "listOAuthSessions",
  tag,
  summary: "List what is signed in: clients that somebody allowed, and browsers.",
  who: "any",
  query: sessionQuery.extend({ kind: z.enum(["grant", "browser"]).optional() }),
  status: 200,
  response: listOf("sessions", SessionView).extend({ summary: SessionSummary }),
  async handler(call) {
    const { kind, ...query } = call.query
    const grants = kind === "browser" ? [] : await grantSessions(call, sightOf(call.api, call.caller), () => true)
    const browsers = kind === "grant" ? [] : ((await known(browserSessions(call))) ?? [])
    const views = [
      ...grants.map(({ grant, client, use }) => grantSession(grant, client, use)),
      ...browsers.map(({ view }) => view),
    ]
    return { body: sessionPage(views, query) }
  },
})

const showSession = endpoint({
  method: "GET",
  path: "/api/v1/oauth/sessions/{session_id}",
  operationId: "getOAuthSession",
  tag,
  summary: "Show a session with its scopes, resources, addresses and refresh token's state.",
  who: "any",
  params: NamedSession,
  status: 200,
  response: SessionDetail,
  errors: ["store_unavailable"],
  async handler(call) {
    const found = await visibleSession(call, call.params.session_id)
    return { body: "view" in found ? browserSession(found, call.caller.admin) : await grantDetail(call, found) }
  },
})

/** A session that the caller may see. @throws GatehouseError `not_found`, `store_unavailable` */
async function visibleSession(call: Call, id: string): Promise<GrantSession | BrowserLine> {
  const { api, caller } = call
  const [session] = await grantSessions(call, sightOf(api, caller), ({ grant_id }) => grant_id === id)
  if (session !== undefined) return session
  const browser = (await browserSessions(call)).find(({ view }) => view.session_id === id)
  if (browser === undefined) throw new GatehouseError("not_found", "there is no such session")
  return browser
}

async function grantDetail(
  { api, caller }: Call,
  { grant, client, use, used }: GrantSession,
): Promise<z.infer<typeof SessionDetail>> {
  const { oauth, projections } = api
  const sight = sightOf(api, caller)
  const key = recordKey("refresh", grant.grant_id)
  const [records, lines] = await Promise.all([
    known(oauth.index.records([key])),
    known(oauth.index.lines("refresh", 0)),
  ])
  const family = records?.[0] as RefreshRecord | undefined
  const expires = lines?.find((line) => line.key === key)?.expires
  return {
    ...grantSession(find(projections.world, "grant", grant.grant_id) ?? grant, client, use),
    provider: grant.provider,
    scope: grant.scope,
    resources: sight.resources(grant.resources),
    refresh:
      family === undefined || family.dead === true || expires === undefined
        ? null
        : {
            generation: family.generation,
            rotated_at: new Date(family.rotated_at).toISOString(),
            expires_at: new Date(expires).toISOString(),
          },
    requests: used && used.requests,
    ip_addresses:
      used &&
      [...used.addresses]
        .sort(([, a], [, b]) => b - a)
        .map(([address, at]) => ({ address, last_seen: new Date(at).toISOString() })),
    expires_at: instant(expires),
  }
}

const endSession = endpoint({
  method: "DELETE",
  path: "/api/v1/oauth/sessions/{session_id}",
  operationId: "endOAuthSession",
  tag,
  summary: "End a session: its tokens are refused from the next request on, and its open streams are closed.",
  who: "any",
  params: NamedSession,
  status: 204,
  response: z.void(),
  errors: ["not_owner", "admin_required", "store_unavailable"],
  async handler(call) {
    const found = await visibleSession(call, call.params.session_id)
    if (!("view" in found)) return endGrant(call, found)
    // It is signed in on hosts of others too.
    if (!call.caller.admin) throw new GatehouseError("admin_required")
    return endBrowser(call, found)
  },
})

function endGrant(call: Call, { grant: { grant_id, client_id } }: GrantSession) {
  const { index, counters } = call.api.oauth
  return write(call, { type: "RevokeGrant", data: { grant_id, reason: "admin" } }, async () => {
    counters.add({ [counted.revoked]: 1 }, clientScope(client_id))
    // The revocation counts, not this: a family whose grant is gone is worth nothing.
    await known(index.remove("refresh", [{ key: recordKey("refresh", grant_id), facets: [], expires: 0 }]))
    return {}
  })
}

function endBrowser(call: Call, { line, view, ends }: BrowserLine) {
  const data = {
    session_id: view.session_id,
    subject: view.subject,
    expires_at: new Date(ends).toISOString(),
    reason: "admin",
  }
  return write(call, { type: "EndBrowserSession", data }, async () => {
    await known(call.api.oauth.index.remove("session", [line]))
    return {}
  })
}

/** Endpoints about sessions. */
export const oauthSessionEndpoints: readonly Endpoint[] = [listSessions, showSession, endSession]
