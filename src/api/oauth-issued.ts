import type * as z from "zod"
import { type Sight, instant, known, sightOf } from "./oauth-sight.ts"
import { type TokenLine, tokenLines } from "./oauth-token-lines.ts"
import { all, find } from "../events/world.ts"
import type { Call } from "./endpoint.ts"
import type { Client } from "../events/oauth-client.ts"
import { GatehouseError } from "../errors.ts"
import type { Grant } from "../events/grant.ts"
import type { IssuedToken } from "../projections/views/oauth-token.ts"
import { listPage } from "./list.ts"
import { recordKey } from "../platform/record-key.ts"

type Issued = z.infer<typeof IssuedToken>

/** A refresh family as the TTL store has it. */
export interface RefreshRecord {
  readonly generation: number
  /** Milliseconds since the epoch. */
  readonly rotated_at: number
  readonly dead?: boolean
}

/** A grant's refresh token. Times are milliseconds since the epoch. */
export interface RefreshLine {
  readonly grant: Grant
  readonly expires: number
}

/** Refresh tokens that can be used; null while the store cannot say. */
export async function refreshLines({ api }: Pick<Call, "api">, grants: Iterable<Grant>): Promise<RefreshLine[] | null> {
  const lines = await known(api.oauth.index.lines("refresh", api.clock().getTime()))
  if (lines === null) return null
  const expires = new Map(lines.map((line) => [line.key, line.expires]))
  return [...grants].flatMap((grant) => {
    const at = expires.get(recordKey("refresh", grant.grant_id))
    return at === undefined ? [] : [{ grant, expires: at }]
  })
}

interface TokenQuery {
  readonly page: number
  readonly per_page: number
  readonly order: "asc" | "desc"
  readonly sort_by: "issued_at" | "expires_at"
  readonly include_expired: boolean
}

/** A page of a client's tokens. @throws GatehouseError `store_unavailable` */
export async function clientTokens(call: Call, { client_id }: Client, query: TokenQuery) {
  const { api, caller } = call
  const sight = sightOf(api, caller)
  const grants = [...all(api.projections.world, "grant")].filter(
    (grant) => grant.client_id === client_id && sight.grant(grant),
  )
  const [lines, families] = await Promise.all([tokenLines(api), refreshLines(call, grants)])
  if (lines === null || families === null) throw new GatehouseError("store_unavailable", undefined, { retryAfter: 2 })
  const access = lines.filter(
    (line) =>
      line.client_id === client_id &&
      (caller.admin || sight.grant(line.grant)) &&
      (query.include_expired || line.status === "active"),
  )
  const entries: Entry[] = [
    ...access.map((line) => ({ name: line.jti, issued: line.issued, expires: line.expires, line })),
    ...families.map(({ grant, expires }) => ({
      name: grant.grant_id,
      issued: Date.parse(grant.created_at),
      expires,
      grant,
    })),
  ]
  const key = ({ issued, expires }: Entry) => (query.sort_by === "issued_at" ? issued : expires)
  const page = listPage(
    "tokens",
    entries,
    query,
    key,
    ({ name }) => name,
    (entry) => entry,
  )
  const views = (page["tokens"] as Entry[]).map((entry) =>
    entry.line === undefined
      ? refreshToken(call, sight, entry.grant!, entry.expires)
      : accessToken(call, sight, entry.line),
  )
  const summary = {
    access: access.length,
    refresh: families.length,
    active: access.filter(({ status }) => status === "active").length + families.length,
  }
  return { ...page, tokens: await Promise.all(views), summary }
}

interface Entry {
  readonly name: string
  readonly issued: number
  readonly expires: number
  readonly line?: TokenLine
  readonly grant?: Grant
}

/** What the authorization server noted of an access token: its claims but for the groups. */
export interface TokenRecord {
  readonly sub?: string
  readonly username?: string
  readonly aud?: readonly string[]
  readonly scope?: string
}

/** View of an access token. @throws GatehouseError `store_unavailable` */
export async function accessToken({ api }: Call, sight: Sight, line: TokenLine): Promise<Issued> {
  const { oauth } = api
  const [[record], used] = await Promise.all([oauth.index.records([line.key]), oauth.usage.of("token", line.jti)])
  const { sub, username, aud, scope } = (record ?? {}) as TokenRecord
  return {
    jti: line.jti,
    type: "access",
    status: line.status,
    client_id: line.client_id,
    session_id: line.grant_id,
    user: username ?? line.grant?.username ?? null,
    subject: sub ?? line.grant?.subject ?? null,
    aud: sight.resources(aud ?? line.grant?.resources ?? []),
    scope: scope ?? line.grant?.scope ?? "",
    issued_at: new Date(line.issued).toISOString(),
    expires_at: new Date(line.expires).toISOString(),
    last_used_at: instant(used?.last),
  }
}

/** View of a grant's refresh token, which is one token whatever its generation. @throws GatehouseError `store_unavailable` */
export async function refreshToken({ api }: Call, sight: Sight, grant: Grant, expires: number): Promise<Issued> {
  const [record] = (await api.oauth.index.records([recordKey("refresh", grant.grant_id)])) as [
    RefreshRecord | undefined,
  ]
  const rotated = record !== undefined && record.generation > 1 ? record.rotated_at : null
  return {
    jti: grant.grant_id,
    type: "refresh",
    status: "active",
    client_id: grant.client_id,
    session_id: grant.grant_id,
    user: grant.username,
    subject: grant.subject,
    aud: sight.resources(grant.resources),
    scope: grant.scope,
    issued_at: instant(record?.rotated_at) ?? grant.created_at,
    expires_at: new Date(expires).toISOString(),
    last_used_at: instant(rotated),
  }
}

/** A grant that the caller may see, or undefined. */
export function visibleGrant({ api, caller }: Call, id: string): Grant | undefined {
  const grant = find(api.projections.world, "grant", id)
  return sightOf(api, caller).grant(grant) ? grant : undefined
}
