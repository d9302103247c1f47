import * as z from "zod"
import { type Health, runChecks, worst } from "../health.ts"
import { all } from "../../events/world.ts"
import type { Api } from "../endpoint.ts"
import { endpoint } from "../endpoint.ts"
import { orphansNow } from "../cleanup.ts"
import { stats } from "./stats.ts"

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

/** Endpoints about the node. */
export const systemEndpoints = [health, stats]
