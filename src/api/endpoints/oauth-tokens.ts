import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { IssuedToken, IssuedTokenDetail, TokenType } from "../../projections/views/oauth-token.ts"
import { type RefreshLine, accessToken, refreshLines, refreshToken, visibleGrant } from "../oauth-issued.ts"
import { type TokenLine, tokenLines } from "../oauth-token-lines.ts"
import { clientScope, counted } from "../../projections/oauth-counted.ts"
import { flag } from "../list.ts"
import { GatehouseError } from "../../errors.ts"
import { all } from "../../events/world.ts"
import { cleanOAuth } from "../oauth-cleanup.ts"
import { instant, known, sightOf } from "../oauth-sight.ts"
import { recordKey } from "../../platform/record-key.ts"
import { write } from "../write.ts"

const tag = "oauth"
const NamedToken = z.strictObject({ jti: z.string().regex(/^[A-Za-z0-9_-]{8,128}$/) })
const Total = z.strictObject({ total: z.int(), active: z.int() }).nullable()
const soonMs = 300_000
const mostRecent = 20

const tokenStats = endpoint({
  method: "GET",
  path: "/api/v1/oauth/tokens",
  operationId: "getOAuthTokens",
  tag,
  summary: "Count the issued tokens, by client and by user, and show the newest; never a value.",
  who: "any",
  query: z.strictObject({
    token_type: TokenType.optional(),
    user_id: z.string().max(320).optional().describe("Subject or name of a user."),
    client_id: z.string().max(2048).optional(),
    include_expired: flag(false).describe("Count those of the last hour too."),
  }),
  status: 200,
  response: z.strictObject({
    summary: z.strictObject({
      access: Total,
      refresh: Total,
      tokens_expiring_soon: z.int().nullable().describe("Access tokens within five minutes."),
      average_token_lifetime: z.number().nullable().describe("Of access tokens, seconds."),
    }),
    by_client: z.array(z.strictObject({ client_id: z.string(), access: z.int(), refresh: z.int() })).nullable(),
    by_user: z
      .array(z.strictObject({ user: z.string(), subject: z.string(), access: z.int(), refresh: z.int() }))
      .nullable(),
    recent_activity: z.array(IssuedToken).nullable(),
  }),
  async handler(call) {
    const { api, caller, query } = call
    const sight = sightOf(api, caller)
    const now = api.clock().getTime()
    const wanted = (grant: Grant | undefined, clientId: string) =>
      (query.client_id === undefined || clientId === query.client_id) &&
      (query.user_id === undefined || grant?.subject === query.user_id || grant?.username === query.user_id)
    const grants = [...all(api.projections.world, "grant")].filter(
      (grant) => sight.grant(grant) && wanted(grant, grant.client_id),
    )
    const [lines, families] = await Promise.all([tokenLines(api), refreshLines(call, grants)])
    if (lines === null || families === null) return { body: unknown }
    const fits = (line: TokenLine) =>
      (caller.admin || sight.grant(line.grant)) &&
      wanted(line.grant, line.client_id) &&
      (query.include_expired || line.expires > now)
    const access = query.token_type === "refresh" ? [] : lines.filter(fits)
    const refresh = query.token_type === "access" ? [] : families
    const active = access.filter(({ status }) => status === "active")
    const newest = access.toSorted((a, b) => b.issued - a.issued).slice(0, mostRecent)
    return {
      body: {
        summary: {
          access: { total: access.length, active: active.length },
          refresh: { total: refresh.length, active: refresh.length },
          tokens_expiring_soon: active.filter(({ expires }) => expires - now <= soonMs).length,
          average_token_lifetime: average(access.map(({ issued, expires }) => (expires - issued) / 1000)),
        },
        ...grouped(active, refresh),
        recent_activity: await known(Promise.all(newest.map((line) => accessToken(call, sight, line)))),
      },
    }
  },
})

/** The answer while the store cannot say. */
const unknown = {
  summary: { access: null, refresh: null, tokens_expiring_soon: null, average_token_lifetime: null },
  by_client: null,
  by_user: null,
  recent_activity: null,
}

type Grant = RefreshLine["grant"]

function average(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.round(values.reduce((sum, value) => sum + value, 0) / values.length)
}

/** Tokens that are good now, by client and by user; those with the most first. */
function grouped(access: readonly TokenLine[], refresh: readonly RefreshLine[]) {
  const byClient = new Map<string, { client_id: string; access: number; refresh: number }>()
  const byUser = new Map<string, { user: string; subject: string; access: number; refresh: number }>()
  const add = (kind: "access" | "refresh", { client_id, subject, username }: Grant) => {
    const client = byClient.get(client_id) ?? { client_id, access: 0, refresh: 0 }
    const user = byUser.get(subject) ?? { user: username, subject, access: 0, refresh: 0 }
    client[kind] += 1
    user[kind] += 1
    byClient.set(client_id, client)
    byUser.set(subject, user)
  }
  for (const { grant } of access) if (grant !== undefined) add("access", grant)
  for (const { grant } of refresh) add("refresh", grant)
  const most = (a: { access: number; refresh: number }, b: typeof a) => b.access + b.refresh - a.access - a.refresh
  return { by_client: [...byClient.values()].sort(most), by_user: [...byUser.values()].sort(most) }
}

/** A token that the caller may see. @throws GatehouseError `not_found`, `store_unavailable` */
async function visibleToken(call: Call, jti: string): Promise<{ line?: TokenLine; family?: RefreshLine }> {
  const { api, caller } = call
  const sight = sightOf(api, caller)
  const grant = visibleGrant(call, jti)
  if (grant !== undefined) {
    const families = await refreshLines(call, [grant])
    if (families === null) throw new GatehouseError("store_unavailable", undefined, { retryAfter: 2 })
    if (families[0] !== undefined) return { family: families[0] }
  }
  const lines = await tokenLines(api)
  if (lines === null) throw new GatehouseError("store_unavailable", undefined, { retryAfter: 2 })
  const line = lines.find((candidate) => candidate.jti === jti && (caller.admin || sight.grant(candidate.grant)))
  if (line === undefined) throw new GatehouseError("not_found", "there is no such token")
  return { line }
}

const showToken = endpoint({
  method: "GET",
  path: "/api/v1/oauth/tokens/{jti}",
  operationId: "getOAuthToken",
  tag,
  summary:
    "Show an issued token with its use, an access token by its jti or a refresh token by its session; never its value.",
  who: "any",
  params: NamedToken,
  status: 200,
  response: IssuedTokenDetail,
  errors: ["store_unavailable"],
  async handler(call) {
    const { api, caller, params } = call
    const sight = sightOf(api, caller)
    const { line, family } = await visibleToken(call, params.jti)
    const view =
      line === undefined
        ? await refreshToken(call, sight, family!.grant, family!.expires)
        : await accessToken(call, sight, line)
    const used =
      line === undefined ? await api.oauth.usage.of("grant", params.jti) : await api.oauth.usage.of("token", params.jti)
    const left = Date.parse(view.expires_at) - api.clock().getTime()
    const [claims] = line === undefined ? [null] : await api.oauth.index.records([recordKey("token", line.jti)])
    return {
      body: {
        ...view,
        is_expired: left <= 0,
        time_until_expiry: Math.max(0, Math.floor(left / 1000)),
        // Other owners' resources in the same token are nobody else's business.
        claims: caller.admin ? (claims ?? null) : null,
        usage: {
          last_used_at: instant(used?.last),
          requests: used?.requests ?? 0,
          hosts: sight.hosts(used?.hosts.keys() ?? []),
        },
      },
    }
  },
})

const revokeToken = endpoint({
  method: "DELETE",
  path: "/api/v1/oauth/tokens/{jti}",
  operationId: "revokeOAuthToken",
  tag,
  summary: "Revoke an access token; or, by the id of its session, a refresh token and with it the whole session.",
  who: "any",
  params: NamedToken,
  status: 204,
  response: z.void(),
  errors: ["not_owner", "store_unavailable"],
  async handler(call) {
    const { line, family } = await visibleToken(call, call.params.jti)
    const { client_id } = line ?? family!.grant
    const command =
      line === undefined
        ? { type: "RevokeGrant", data: { grant_id: family!.grant.grant_id, reason: "admin" } }
        : {
            type: "RevokeAccessToken",
            data: { grant_id: line.grant_id, jti: line.jti, expires_at: new Date(line.expires).toISOString() },
          }
    if (line !== undefined && line.status !== "active") return { status: 204 }
    return write(call, command, () => {
      call.api.oauth.counters.add({ [counted.revoked]: 1 }, clientScope(client_id))
      return {}
    })
  },
})

const cleanup = endpoint({
  method: "POST",
  path: "/api/v1/oauth/tokens/cleanup",
  operationId: "cleanOAuth",
  tag,
  summary: "Remove what is expired and what nobody used; a grant that can still be used is never touched.",
  who: "admin",
  query: z.strictObject({ dry_run: flag(true) }),
  status: 200,
  response: z.strictObject({
    dry_run: z.boolean(),
    expired: z.int().describe("Remembered tokens that have expired, and browser sessions."),
    revoked_families: z.int().describe("Refresh tokens of grants that were revoked."),
    unused_clients: z.int().describe("Clients that expired, or that nobody used for 90 days."),
    removed: z.int(),
  }),
  errors: ["store_unavailable"],
  handler: async (call) => ({ body: await cleanOAuth(call, call.query.dry_run) }),
})

/** Endpoints about issued tokens. */
export const oauthTokenEndpoints: readonly Endpoint[] = [tokenStats, showToken, revokeToken, cleanup]
