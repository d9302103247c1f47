import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { type Client, endOfLife } from "../../events/oauth-client.ts"
import {
  ClientDetail,
  type ClientUse,
  ClientView,
  clientActive,
  clientView,
} from "../../projections/views/oauth-client.ts"
import { IssuedToken } from "../../projections/views/oauth-token.ts"
import { type Sight, hostOf, instant, known, sightOf } from "../oauth-sight.ts"
import { activeBy, tokenLines } from "../oauth-token-lines.ts"
import { all, find } from "../../events/world.ts"
import { clientScope, counted, errorCounts } from "../../projections/oauth-counted.ts"
import { flag, integer, listOf, listPage, listQuery } from "../list.ts"
import { GatehouseError } from "../../errors.ts"
import { clientTokens } from "../oauth-issued.ts"
import { versionOf } from "../write.ts"

const tag = "oauth"
export const NamedClient = z.strictObject({ client_id: z.string().min(1).max(2048) })
const Count = z.int().nullable()

const listClients = endpoint({
  method: "GET",
  path: "/api/v1/oauth/clients",
  operationId: "listOAuthClients",
  tag,
  summary: "List OAuth clients: all, or those that somebody uses on the caller's proxies.",
  who: "any",
  query: listQuery(["created_at", "client_name", "expires_at", "token_count"], "desc").extend({
    active_only: flag(true),
  }),
  status: 200,
  response: listOf("clients", ClientView).extend({
    summary: z.strictObject({
      total_clients: z.int(),
      active_clients: z.int(),
      expired_clients: z.int(),
      never_used: z.int(),
    }),
  }),
  async handler({ api, caller, query }) {
    const now = api.clock().getTime()
    const seen = visibleClients({ api }, sightOf(api, caller))
    const tokens = await tokenLines(api)
    const active = tokens && activeBy(tokens, ({ client_id }) => client_id)
    const key = (client: Client) => {
      switch (query.sort_by) {
        case "client_name":
          return (client.metadata.client_name ?? "").toLowerCase()
        case "token_count":
          return active?.get(client.client_id) ?? 0
        case "expires_at":
          return endOfLife(client)
        case "created_at":
          return client.created_at
      }
    }
    const listed = query.active_only ? seen.filter((client) => clientActive(client, now)) : seen
    const page = listPage(
      "clients",
      listed,
      query,
      key,
      ({ client_id }) => client_id,
      (client) => client,
    )
    const clients = (page["clients"] as Client[]).map(async (client) =>
      clientView(client, await useOf(api, client, active && (active.get(client.client_id) ?? 0)), now),
    )
    const expired = seen.filter((client) => !client.disabled && !clientActive(client, now))
    const summary = {
      total_clients: seen.length,
      active_clients: seen.filter((client) => clientActive(client, now)).length,
      expired_clients: expired.length,
      never_used: seen.filter(({ used_at }) => used_at === null).length,
    }
    return { body: { ...page, clients: await Promise.all(clients), summary } }
  },
})

function visibleClients({ api }: Pick<Call, "api">, sight: Sight): Client[] {
  return [...all(api.projections.world, "client")].filter((client) => sight.client(client))
}

/** A client that the caller may see. @throws GatehouseError `not_found`, also for one that is not theirs to see */
export function visibleClient({ api, caller }: Call, id: string): Client {
  const client = find(api.projections.world, "client", id)
  if (client === undefined || !sightOf(api, caller).client(client))
    throw new GatehouseError("not_found", "there is no such client")
  return client
}

async function useOf(
  { oauth }: Call["api"],
  { client_id, used_at }: Client,
  activeTokens: number | null,
): Promise<ClientUse> {
  const [totals, used] = await Promise.all([
    known(oauth.counters.totals(clientScope(client_id))),
    known(oauth.usage.of("client", client_id)),
  ])
  return {
    activeTokens,
    lastIssued: instant(totals?.last.get(counted.issued)),
    lastUsed: instant(used?.last) ?? used_at,
  }
}

const showClient = endpoint({
  method: "GET",
  path: "/api/v1/oauth/clients/{client_id}",
  operationId: "getOAuthClient",
  tag,
  summary: "Show an OAuth client with its use; never its secret.",
  who: "any",
  params: NamedClient,
  status: 200,
  response: ClientDetail,
  async handler(call) {
    const { api, params } = call
    const client = visibleClient(call, params.client_id)
    return { body: await clientDetail(call, client), version: versionOf({ api } as Call, "client", client.client_id) }
  },
})

/** Everything about a client. */
export async function clientDetail({ api, caller }: Call, client: Client): Promise<z.infer<typeof ClientDetail>> {
  const { client_id } = client
  const [tokens, totals] = await Promise.all([
    tokenLines(api),
    known(api.oauth.counters.totals(clientScope(client_id))),
  ])
  const active = tokens && (activeBy(tokens, (line) => line.client_id).get(client_id) ?? 0)
  const count = (name: string) => totals && (totals.counts.get(name) ?? 0)
  return {
    ...clientView(client, await useOf(api, client, active), api.clock().getTime()),
    metadata: client.metadata,
    usage_stats: {
      total_tokens_issued: count(counted.issued),
      active_tokens: active,
      total_authorizations: count(counted.authorizationDone),
      failed_authorizations: count(counted.authorizationFailure),
      last_authorization: instant(totals?.last.get(counted.authorizationDone)),
    },
    proxy_associations: associations({ api, caller }, client_id),
  }
}

function associations({ api, caller }: Pick<Call, "api" | "caller">, clientId: string) {
  const sight = sightOf(api, caller)
  const counts = new Map<string, number>()
  for (const grant of all(api.projections.world, "grant"))
    if (grant.client_id === clientId)
      for (const host of new Set(sight.resources(grant.resources).map(hostOf)))
        if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1)
  return [...counts]
    .map(([hostname, grants]) => ({ hostname, grants }))
    .sort((a, b) => (a.hostname < b.hostname ? -1 : 1))
}

const listClientTokens = endpoint({
  method: "GET",
  path: "/api/v1/oauth/clients/{client_id}/tokens",
  operationId: "listOAuthClientTokens",
  tag,
  summary: "List the tokens that a client holds; never their values.",
  who: "any",
  params: NamedClient,
  query: listQuery(["issued_at", "expires_at"], "desc").extend({ include_expired: flag(false) }),
  status: 200,
  response: listOf("tokens", IssuedToken).extend({
    summary: z.strictObject({ access: z.int(), refresh: z.int(), active: z.int() }),
  }),
  errors: ["store_unavailable"],
  async handler(call) {
    const client = visibleClient(call, call.params.client_id)
    return { body: await clientTokens(call, client, call.query) }
  },
})

const clientStats = endpoint({
  method: "GET",
  path: "/api/v1/oauth/clients/{client_id}/stats",
  operationId: "getOAuthClientStats",
  tag,
  summary: "Count what a client did in the last hours.",
  who: "any",
  params: NamedClient,
  query: z.strictObject({ hours: integer(1, 168, 24) }),
  status: 200,
  response: z.strictObject({
    client_id: z.string(),
    hours: z.int(),
    issued: Count,
    refreshed: Count,
    revoked: Count,
    authorizations: Count,
    failures: z.record(z.string(), z.int()).nullable().describe("By OAuth error code."),
    users: z.array(z.string()),
    resources: z.array(z.string()),
    last_used_at: z.string().nullable(),
  }),
  async handler(call) {
    const { api, query } = call
    const client = visibleClient(call, call.params.client_id)
    const sight = sightOf(api, call.caller)
    const from = api.clock().getTime() - query.hours * 3_600_000
    const counts = await known(api.oauth.counters.since(from, clientScope(client.client_id)))
    const count = (name: string) => counts && (counts.get(name) ?? 0)
    const grants = [...all(api.projections.world, "grant")].filter(
      (grant) => grant.client_id === client.client_id && sight.grant(grant),
    )
    return {
      body: {
        client_id: client.client_id,
        hours: query.hours,
        issued: count(counted.issued),
        refreshed: count(counted.refreshed),
        revoked: count(counted.revoked),
        authorizations: count(counted.authorizationDone),
        failures: counts && errorCounts(counts),
        users: [...new Set(grants.map(({ username }) => username))].sort(),
        resources: [...new Set(grants.flatMap(({ resources }) => sight.resources(resources)))].sort(),
        last_used_at: (await useOf(api, client, null)).lastUsed,
      },
    }
  },
})

/** Endpoints that read OAuth clients. */
export const oauthClientEndpoints: readonly Endpoint[] = [listClients, showClient, listClientTokens, clientStats]
