import * as z from "zod"
import { type Client, ClientKind, ClientMetadata, endOfLife } from "../../events/oauth-client.ts"
import { createHash } from "node:crypto"

const Instant = z.string().nullable()
const Count = z.int().nullable().describe("Null when it cannot be known now.")

/** An OAuth client as lists show it; never a secret. */
export const ClientView = z
  .strictObject({
    client_id: z.string(),
    client_name: z.string().nullable(),
    kind: ClientKind,
    owner: z.string().nullable().describe("API token that made it; null for clients that introduced themselves."),
    created_at: z.string(),
    expires_at: Instant.describe("Null: never."),
    is_active: z.boolean().describe("Neither expired nor disabled."),
    disabled: z.boolean(),
    vouched: z.boolean().describe("An administrator stands for its name."),
    days_until_expiry: z.int().nullable(),
    token_count: Count.describe("Access tokens that are good now; null when it cannot be known now."),
    last_token_issued: Instant,
    last_used_at: Instant,
    fingerprint: z.string().describe("The same for each registration of the same program."),
  })
  .meta({ id: "OAuthClient" })

/** An OAuth client with everything that is known of it. */
export const ClientDetail = ClientView.extend({
  metadata: ClientMetadata,
  usage_stats: z.strictObject({
    total_tokens_issued: Count,
    active_tokens: Count,
    total_authorizations: Count,
    failed_authorizations: Count,
    last_authorization: Instant,
  }),
  proxy_associations: z.array(z.strictObject({ hostname: z.string(), grants: z.int() })),
}).meta({ id: "OAuthClientDetail" })

/** What stands in no projection; null where it cannot be known now. Times are ISO 8601. */
export interface ClientUse {
  readonly activeTokens: number | null
  readonly lastIssued: string | null
  readonly lastUsed: string | null
}

const dayMs = 86_400_000

/** May the client be used? @param now milliseconds since the epoch */
export function clientActive(client: Client, now: number): boolean {
  return !client.disabled && endOfLife(client) > now
}

/** View of a client. @param now milliseconds since the epoch */
export function clientView(client: Client, use: ClientUse, now: number): z.infer<typeof ClientView> {
  const end = endOfLife(client)
  return {
    client_id: client.client_id,
    client_name: client.metadata.client_name ?? null,
    kind: client.kind,
    owner: client.owner,
    created_at: client.created_at,
    expires_at: Number.isFinite(end) ? new Date(end).toISOString() : null,
    is_active: clientActive(client, now),
    disabled: client.disabled,
    vouched: client.vouched,
    days_until_expiry: Number.isFinite(end) ? Math.floor((end - now) / dayMs) : null,
    token_count: use.activeTokens,
    last_token_issued: use.lastIssued,
    last_used_at: use.lastUsed,
    fingerprint: fingerprint(client),
  }
}

/** Name, software and return addresses without their ports, which native clients change at each start. */
function fingerprint({ metadata }: Client): string {
  const redirects = metadata.redirect_uris.map((uri) => uri.replace(/^(http:\/\/[^/]+):\d+/, "$1")).sort()
  const traits = [metadata.client_name ?? "", metadata.software_id ?? "", ...new Set(redirects)]
  return createHash("sha256").update(JSON.stringify(traits)).digest("hex").slice(0, 16)
}
