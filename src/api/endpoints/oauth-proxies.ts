import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { SessionSummary, sessionPage, sessionQuery } from "./oauth-sessions.ts"
import { SessionView, grantSession } from "../../projections/views/oauth-session.ts"
import { hostOf, instant, known, sightOf } from "../oauth-sight.ts"
import { listOf, listPage, listQuery } from "../list.ts"
import { mayRead, ownObject } from "../access.ts"
import { AuthMode } from "../../events/proxy.ts"
import { HostName } from "../../events/values.ts"
import type { Proxy } from "../../events/proxy.ts"
import { admitted, refused } from "../../platform/usage-tally.ts"
import { all } from "../../events/world.ts"
import { browserSessions } from "../oauth-browsers.ts"
import { grantSessions } from "../oauth-sessions.ts"

const tag = "oauth"
const hourMs = 3_600_000

const ProxyStatus = z
  .strictObject({
    hostname: z.string(),
    auth_enabled: z.boolean(),
    auth_mode: AuthMode.nullable(),
    auth_proxy: z.string().nullable(),
    active_sessions: z.int().describe("Grants for it of which something can still be used."),
    recent_auth_failures: z.int().nullable().describe("Requests of the last hour whose token or identity was refused."),
    last_auth_success: z.string().nullable(),
  })
  .meta({ id: "OAuthProxy" })

const listProxies = endpoint({
  method: "GET",
  path: "/api/v1/oauth/proxies",
  operationId: "listOAuthProxies",
  tag,
  summary: "List proxies with how they are protected and who uses them: the caller's own, or all.",
  who: "any",
  query: listQuery(["hostname", "auth_enabled", "active_sessions"]),
  status: 200,
  response: listOf("proxies", ProxyStatus).extend({
    summary: z.strictObject({ total_proxies: z.int(), protected_proxies: z.int(), open_proxies: z.int() }),
  }),
  async handler(call) {
    const { api, caller, query } = call
    const proxies = [...all(api.projections.world, "proxy")].filter(({ owner }) => mayRead(caller, owner))
    const sessions = await sessionCounts(call)
    const key = ({ hostname, auth }: Proxy) => {
      switch (query.sort_by) {
        case "hostname":
          return hostname
        case "auth_enabled":
          return auth?.auth_enabled === true
        case "active_sessions":
          return sessions.get(hostname) ?? 0
      }
    }
    const page = listPage(
      "proxies",
      proxies,
      query,
      key,
      ({ hostname }) => hostname,
      (proxy) => proxy,
    )
    const isProtected = proxies.filter(({ auth }) => auth?.auth_enabled === true).length
    const views = (page["proxies"] as Proxy[]).map((proxy) =>
      proxyStatus(call, proxy, sessions.get(proxy.hostname) ?? 0),
    )
    const summary = {
      total_proxies: proxies.length,
      protected_proxies: isProtected,
      open_proxies: proxies.length - isProtected,
    }
    return { body: { ...page, proxies: await Promise.all(views), summary } }
  },
})

/** Sessions by host: usable grants that are for it, and browsers that were used on it. */
async function sessionCounts(call: Call): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { grant } of await grantSessions(call, sightOf(call.api, call.caller), () => true))
    for (const host of new Set(grant.resources.map(hostOf)))
      if (host !== undefined) counts.set(host, (counts.get(host) ?? 0) + 1)
  for (const { view } of (await known(browserSessions(call))) ?? [])
    for (const host of view.accessed_proxies ?? []) counts.set(host, (counts.get(host) ?? 0) + 1)
  return counts
}

async function proxyStatus(
  { api }: Call,
  { hostname, auth }: Proxy,
  sessions: number,
): Promise<z.infer<typeof ProxyStatus>> {
  const { counters } = api.oauth
  const scope = `proxy:${hostname}`
  const [recent, totals] = await Promise.all([
    known(counters.since(api.clock().getTime() - hourMs, scope)),
    known(counters.totals(scope)),
  ])
  return {
    hostname,
    auth_enabled: auth?.auth_enabled === true,
    auth_mode: auth?.auth_mode ?? null,
    auth_proxy: auth?.auth_proxy ?? null,
    active_sessions: sessions,
    recent_auth_failures: recent && (recent.get(refused) ?? 0),
    last_auth_success: instant(totals?.last.get(admitted)),
  }
}

const listProxySessions = endpoint({
  method: "GET",
  path: "/api/v1/oauth/proxies/{hostname}/sessions",
  operationId: "listOAuthProxySessions",
  tag,
  summary: "List the sessions that can use a proxy: clients' grants for it, and browsers that were used on it.",
  who: "owner",
  params: z.strictObject({ hostname: HostName }),
  query: sessionQuery,
  status: 200,
  response: listOf("sessions", SessionView).extend({ summary: SessionSummary }),
  errors: ["not_owner"],
  async handler(call) {
    const { hostname } = ownObject(call, "proxy", call.params.hostname)
    const grants = await grantSessions(call, sightOf(call.api, call.caller), ({ resources }) =>
      resources.some((uri) => hostOf(uri) === hostname),
    )
    const browsers = ((await known(browserSessions(call))) ?? []).filter(({ view }) =>
      view.accessed_proxies?.includes(hostname),
    )
    const views = [
      ...grants.map(({ grant, client, use }) => grantSession(grant, client, use)),
      ...browsers.map(({ view }) => view),
    ]
    return { body: sessionPage(views, call.query) }
  },
})

/** Endpoints about the protection of proxies. */
export const oauthProxyEndpoints: readonly Endpoint[] = [listProxies, listProxySessions]
