import * as z from "zod"
import { type Endpoint, endpoint } from "../endpoint.ts"
import { all } from "../../events/world.ts"
import { counted, errorCounts } from "../../projections/oauth-counted.ts"
import { certificateValid, oauthCertificates, oauthHost } from "../oauth-host.ts"
import { instant, known } from "../oauth-sight.ts"
import { clientActive } from "../../projections/views/oauth-client.ts"
import { runChecks, worst } from "../health.ts"
import { refreshLines } from "../oauth-issued.ts"
import { tokenLines } from "../oauth-token-lines.ts"

const tag = "oauth"
const hourMs = 3_600_000
const weekMs = 7 * 24 * hourMs
const checkDeadline = 5000
const Count = z.int().nullable().describe("Null when it cannot be known now.")
const Flow = z.strictObject({
  last_hour: Count,
  success_rate: z.number().nullable().describe("Of those that came to an end, between 0 and 1; null when none did."),
})

const metrics = endpoint({
  method: "GET",
  path: "/api/v1/oauth/metrics",
  operationId: "getOAuthMetrics",
  tag,
  summary: "Count clients, tokens, flows and errors. The last hour is counted by whole minutes.",
  who: "admin",
  status: 200,
  response: z.strictObject({
    timestamp: z.string(),
    clients: z.strictObject({ total: z.int(), active: z.int(), expiring_soon: z.int().describe("Within seven days.") }),
    tokens: z.strictObject({
      access: z.strictObject({ total: Count, active: Count, issued_last_hour: Count, expired_last_hour: Count }),
      refresh: z.strictObject({ total: Count, active: Count, used_last_hour: Count }),
    }),
    auth_flows: z.strictObject({ authorization_requests: Flow, token_requests: Flow }),
    errors: z.record(z.string(), z.int()).nullable().describe("Of the last hour, by OAuth error code."),
  }),
  async handler(call) {
    const { api } = call
    const now = api.clock().getTime()
    const { world } = api.projections
    const clients = [...all(world, "client")]
    const active = clients.filter((client) => clientActive(client, now))
    const [lines, families, counts] = await Promise.all([
      tokenLines(api),
      refreshLines(call, all(world, "grant")),
      known(api.oauth.counters.since(now - hourMs)),
    ])
    const standing = await known(api.oauth.index.count("refresh", now))
    const count = (name: string) => counts && (counts.get(name) ?? 0)
    const rate = (done: string, failed: string) => counts && share(counts.get(done) ?? 0, counts.get(failed) ?? 0)
    return {
      body: {
        timestamp: new Date(now).toISOString(),
        clients: {
          total: clients.length,
          active: active.length,
          expiring_soon: active.filter(({ expires_at }) => expires_at !== null && Date.parse(expires_at) - now < weekMs)
            .length,
        },
        tokens: {
          access: {
            total: lines && lines.filter(({ status }) => status !== "expired").length,
            active: lines && lines.filter(({ status }) => status === "active").length,
            issued_last_hour: count(counted.issued),
            expired_last_hour: lines && lines.filter(({ status }) => status === "expired").length,
          },
          refresh: { total: standing, active: families && families.length, used_last_hour: count(counted.refreshed) },
        },
        auth_flows: {
          authorization_requests: {
            last_hour: count(counted.authorizationRequest),
            success_rate: rate(counted.authorizationDone, counted.authorizationFailure),
          },
          token_requests: {
            last_hour: count(counted.tokenRequest),
            success_rate: rate(counted.issued, counted.tokenFailure),
          },
        },
        errors: counts && errorCounts(counts),
      },
    }
  },
})

function share(done: number, failed: number): number | null {
  return done + failed === 0 ? null : Math.round((done / (done + failed)) * 1000) / 1000
}

const State = z.enum(["healthy", "degraded", "unhealthy"])

const health = endpoint({
  method: "GET",
  path: "/api/v1/oauth/health",
  operationId: "getOAuthHealth",
  tag,
  summary:
    "Try every part of the authorization server: sign and check a token, fetch the keys over the public address.",
  who: "admin",
  status: 200,
  response: z.strictObject({
    status: State,
    checks: z.record(z.string(), z.strictObject({ status: State, detail: z.string().optional() })),
    last_successful_auth: z.string().nullable(),
    auth_proxy: z.strictObject({ hostname: z.string(), status: State, certificate_valid: z.boolean() }),
  }),
  async handler({ api }) {
    const checks = await runChecks(api.oauth.checks, checkDeadline)
    const totals = await known(api.oauth.counters.totals())
    const reachable = checks["oauth_server_reachable"]?.status ?? "unhealthy"
    return {
      headers: { "cache-control": "no-store" },
      body: {
        status: worst(Object.values(checks)),
        checks,
        last_successful_auth: instant(totals?.last.get(counted.authorizationDone)),
        auth_proxy: {
          hostname: oauthHost(api),
          status: reachable,
          certificate_valid: certificateValid(oauthCertificates(api), api.clock().getTime()),
        },
      },
    }
  },
})

/** Endpoints about the authorization server as a whole. */
export const oauthStatusEndpoints: readonly Endpoint[] = [metrics, health]
