import type { Durability } from "./platform/durability.ts"
import type { HealthCheck } from "./api/health.ts"
import type { Redis } from "ioredis"
import type { Runner } from "./projections/runner.ts"
import { all } from "./events/world.ts"
import { available } from "./platform/redis.ts"
import { keys } from "./platform/redis-keys.ts"

/** What the checks look at. */
export interface HealthParts {
  readonly projections: Runner
  readonly redis: Redis
  readonly durability: () => Durability | undefined
  /** The public listeners, once they serve. */
  readonly edge: () => object | undefined
  readonly clock: () => Date
}

/** One check for each part of a node; a part that does not work is never reported healthy. */
export function healthChecks({ projections, redis, durability, edge, clock }: HealthParts): Record<string, HealthCheck> {
  return {
    store: async () => {
      await available(redis.ping())
      return { status: "healthy" }
    },
    durability: () => {
      const is = durability()
      if (is === undefined) return { status: "unhealthy", detail: "not read yet" }
      return { status: is.ok ? "healthy" : "degraded", detail: is.detail }
    },
    decider: async () => {
      const leader = await available(redis.exists(keys.lease("decider")))
      return leader === 1 ? { status: "healthy" } : { status: "unhealthy", detail: "nobody decides commands" }
    },
    projections: () => {
      if (projections.problem !== null) return { status: "unhealthy", detail: projections.problem }
      if (!projections.ready) return { status: "unhealthy", detail: "catching up" }
      return projections.live ? { status: "healthy" } : { status: "degraded", detail: "the log cannot be read; what is served may be old" }
    },
    edge: () => (edge() === undefined ? { status: "unhealthy", detail: "not listening yet" } : { status: "healthy" }),
    certificates: () => {
      const now = clock().toISOString()
      const expired = [...all(projections.world, "certificate")].filter(({ material }) => material !== null && material.expires_at <= now)
      if (expired.length === 0) return { status: "healthy" }
      return { status: "degraded", detail: `${expired.length} expired` }
    },
    oauth: () => {
      const keyCount = projections.world.objects["signing-key"].size
      return keyCount > 0 ? { status: "healthy" } : { status: "unhealthy", detail: "there is no signing key" }
    },
  }
}
