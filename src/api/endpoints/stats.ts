import * as z from "zod"
import { CertificateStatus, certificateStatus } from "../../projections/views/certificate.ts"
import { ServiceStatus } from "../../events/service.ts"
import { all } from "../../events/world.ts"
import { endpoint } from "../endpoint.ts"
import { known } from "../oauth-sight.ts"
import { requestsSince } from "../../platform/request-tally.ts"

const minuteMs = 60_000
const hourMs = 60 * minuteMs

const Requests = z.strictObject({
  total: z.int(),
  per_second: z.number(),
  by_status: z.record(z.string(), z.int()).describe("By the first digit of the status: 2xx, 4xx …"),
})
const Counts = z.record(z.string(), z.int())

/** Everything counted. */
export const stats = endpoint({
  method: "GET",
  path: "/api/v1/stats",
  operationId: "getStats",
  tag: "system",
  summary: "Count objects by kind and status, and the requests of the last minute and hour over all nodes.",
  who: "admin",
  status: 200,
  response: z.strictObject({
    tokens: z.int(),
    certificates: z.strictObject({
      total: z.int(),
      by_status: z.record(CertificateStatus, z.int()),
      by_issuer: Counts,
    }),
    proxies: z.strictObject({
      total: z.int(),
      enabled: z.int(),
      https: z.int(),
      protected: z.int(),
      mcp: z.int(),
    }),
    routes: z.strictObject({ total: z.int(), enabled: z.int() }),
    instances: z.int(),
    resources: z.int(),
    services: z.strictObject({ total: z.int(), by_status: z.record(ServiceStatus, z.int()) }),
    webhooks: z.int(),
    requests: z
      .strictObject({ last_minute: Requests, last_hour: Requests })
      .nullable()
      .describe("Of the public listeners; null while the store cannot be reached."),
    oauth: z.strictObject({ clients: z.int(), grants: z.int(), signing_keys: z.int() }),
    position: z.int(),
    hash: z.string(),
  }),
  async handler({ api }) {
    const { world } = api.projections
    const time = api.clock()
    const now = time.toISOString()
    const [last_minute, last_hour] = await Promise.all(
      [minuteMs, hourMs].map((span) => known(requestsSince(api.oauth.counters, time.getTime(), span))),
    )
    const services = [...all(world, "service")]
    const certificates = [...all(world, "certificate")]
    const proxies = [...all(world, "proxy")]
    const statuses = certificates.map((certificate) => certificateStatus(certificate, now))
    return {
      body: {
        tokens: world.objects["api-token"].size,
        certificates: {
          total: certificates.length,
          by_status: Object.fromEntries(
            CertificateStatus.options.map((name) => [name, count(statuses, (status) => status === name)]),
          ),
          by_issuer: {
            acme: count(certificates, ({ issuer }) => issuer === "acme"),
            internal: count(certificates, ({ issuer }) => issuer === "internal"),
          },
        },
        proxies: {
          total: proxies.length,
          enabled: count(proxies, ({ enabled }) => enabled),
          https: count(proxies, ({ enable_https }) => enable_https),
          protected: count(proxies, ({ auth }) => auth?.auth_enabled ?? false),
          mcp: count(proxies, ({ mcp }) => mcp?.mcp_enabled ?? false),
        },
        routes: {
          total: world.objects.route.size,
          enabled: count([...all(world, "route")], ({ enabled }) => enabled),
        },
        instances: world.objects.instance.size,
        resources: world.objects.resource.size,
        services: {
          total: services.length,
          by_status: Object.fromEntries(
            ServiceStatus.options.map((name) => [name, count(services, ({ status }) => status === name)]),
          ),
        },
        webhooks: world.objects.webhook.size,
        requests: last_minute && last_hour ? { last_minute, last_hour } : null,
        oauth: {
          clients: world.objects.client.size,
          grants: world.objects.grant.size,
          signing_keys: world.objects["signing-key"].size,
        },
        position: world.position,
        hash: world.hash,
      },
    }
  },
})

function count<T>(items: readonly T[], condition: (item: T) => boolean): number {
  return items.filter(condition).length
}
