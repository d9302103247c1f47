import * as z from "zod"
import type { Client } from "../../events/oauth-client.ts"
import type { Grant } from "../../events/grant.ts"

const Instant = z.string().nullable()

/** A grant, or a signed-in browser. */
export const SessionView = z
  .strictObject({
    session_id: z.string(),
    kind: z.enum(["grant", "browser"]),
    user: z.string(),
    subject: z.string(),
    email: z.string().nullable(),
    client_id: z.string().nullable().describe("Null for a browser."),
    client_name: z.string().nullable(),
    created: z.string(),
    last_activity: z.string(),
    duration_minutes: z.number().describe("From its beginning to its last activity."),
    active_tokens: z.int().nullable().describe("Access tokens that are good now; null when it cannot be known now."),
    accessed_proxies: z
      .array(z.string())
      .nullable()
      .describe("Hosts that it was used on; null when it cannot be known now."),
  })
  .meta({ id: "OAuthSession" })

/** A session with everything that is known of it. */
export const SessionDetail = SessionView.extend({
  provider: z.string(),
  scope: z.string().nullable(),
  resources: z.array(z.string()),
  refresh: z
    .strictObject({ generation: z.int(), rotated_at: z.string(), expires_at: z.string() })
    .nullable()
    .describe("Where its refresh token stands; null when it has none, or when it cannot be known now."),
  requests: z.int().nullable(),
  ip_addresses: z.array(z.strictObject({ address: z.string(), last_seen: z.string() })).nullable(),
  expires_at: Instant,
}).meta({ id: "OAuthSessionDetail" })

/** What stands in no projection; null where it cannot be known now. Times are milliseconds since the epoch. */
export interface SessionUse {
  readonly activeTokens: number | null
  readonly lastActivity: number
  readonly hosts: readonly string[] | null
}

/** View of a grant as a session. */
export function grantSession(grant: Grant, client: Client | undefined, use: SessionUse): z.infer<typeof SessionView> {
  return {
    session_id: grant.grant_id,
    kind: "grant",
    user: grant.username,
    subject: grant.subject,
    email: grant.email,
    client_id: grant.client_id,
    client_name: client?.metadata.client_name ?? null,
    ...lifetime(Date.parse(grant.created_at), use.lastActivity),
    active_tokens: use.activeTokens,
    accessed_proxies: use.hosts === null ? null : [...use.hosts],
  }
}

/** Times of a session. Both in milliseconds since the epoch. */
export function lifetime(created: number, lastActivity: number) {
  const last = Math.max(created, lastActivity)
  return {
    created: new Date(created).toISOString(),
    last_activity: new Date(last).toISOString(),
    duration_minutes: Math.round((last - created) / 600) / 100,
  }
}
