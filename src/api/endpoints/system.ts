import * as z from "zod"
import { type Health, runChecks, worst } from "../health.ts"
import { CertificateStatus, certificateStatus } from "../../projections/views/certificate.ts"
import { all } from "../../events/world.ts"
import type { Api } from "../endpoint.ts"
import { endpoint } from "../endpoint.ts"
import { orphansNow } from "../cleanup.ts"

const State = z.enum(["healthy", "degraded", "unhealthy"])
const checkDeadline = 2000

const health = endpoint({
  method: "GET",
  path: "/health",
  operationId: "getHealth",
  tag: "system",
  summary: "Show whether this node works; details for administrators.",
  who: "public",
  unlimited: true,
  status: 200,
  response: z.strictObject({
    status: State,
    checks: z.record(z.string(), z.strictObject({ status: State, detail: z.string().optional() })).optional(),
    certificates_loaded: z.int().optional(),
    https_enabled: z.boolean().optional(),
    orphaned_resources: z.int().optional().describe("Records that a cleanup would remove."),
    position: z.int().optional(),
  }),
  async handler({ api, caller }) {
    const checks = { projections: projectionHealth(api), ...(await runChecks(api.checks, checkDeadline)) }
    const status = worst(Object.values(checks))
    const { world } = api.projections
    const details = {
      checks,
      certificates_loaded: [...all(world, "certificate")].filter(({ material }) => material !== null).length,
      https_enabled: [...all(world, "proxy")].some((proxy) => proxy.enabled && proxy.enable_https),
      orphaned_resources: caller.admin ? orphansNow(api).length : 0,
      position: world.position,
    }
    return {
      status: status === "unhealthy" ? 503 : 200,
      headers: { "cache-control": "no-store" },
      body: { status, ...(caller.admin && details) },
    }
  },
})

function projectionHealth({ projections }: Api): Health {
  return projections.ready
    ? { status: "healthy" }
    : { status: "unhealthy", detail: "this node is still reading the log" }
}

const Counts = z.record(z.string(), z.int())

const stats = endpoint({
  method: "GET",
  path: "/api/v1/stats",
  operationId: "getStats",
  tag: "system",
  summary: "Count objects by kind and status.",
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
    oauth: z.strictObject({ clients: z.int(), grants: z.int(), signing_keys: z.int() }),
    position: z.int(),
    hash: z.string(),
  }),
  handler({ api }) {
    const { world } = api.projections
    const now = api.clock().toISOString()
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

/** Endpoints about the node. */
export const systemEndpoints = [health, stats]
