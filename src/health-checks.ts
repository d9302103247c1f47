import type { Durability } from "./platform/durability.ts"
import type { HealthCheck } from "./api/health.ts"
import type { Redis } from "ioredis"
import type { Runner } from "./projections/runner.ts"
import { all } from "./events/world.ts"
import { certificateLease } from "./effects/effects.ts"
import { available } from "./platform/redis-call.ts"
import { keys } from "./platform/redis-keys.ts"

/** What the checks look at. */
export interface HealthParts {
  readonly projections: Runner
  readonly redis: Redis
  readonly durability: () => Durability | undefined
  /** Are the administrator's token and a signing key in the log? */
  readonly prepared: () => boolean
  /** The public listeners, once they serve. */
  readonly edge: () => object | undefined
  readonly clock: () => Date
  /** Rejects when the container engine does not answer. */
  readonly pingDocker: () => Promise<void>
  /** Milliseconds that a lease lasts without a heartbeat. */
  readonly leaseTtlMs: number
}

/** One check for each part of a node; a part that does not work is never reported healthy. */
export function healthChecks({
  projections,
  redis,
  durability,
  prepared,
  edge,
  clock,
  pingDocker,
  leaseTtlMs,
}: HealthParts): Record<string, HealthCheck> {
  let scheduled = clock().getTime()
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
    scheduler: async () => {
      const leader = await available(redis.exists(keys.lease(certificateLease)))
      const at = clock().getTime()
      if (leader === 1) scheduled = at
      // A lease that runs out is taken by another node a moment later.
      return at - scheduled <= 2 * leaseTtlMs
        ? { status: "healthy" }
        : { status: "degraded", detail: "nobody issues and renews certificates" }
    },
    projections: () => {
      if (projections.problem !== null) return { status: "unhealthy", detail: projections.problem }
      if (!projections.ready) return { status: "unhealthy", detail: "catching up" }
      return projections.live
        ? { status: "healthy" }
        : { status: "degraded", detail: "the log cannot be read; what is served may be old" }
    },
    edge: () => (edge() === undefined ? { status: "unhealthy", detail: "not listening yet" } : { status: "healthy" }),
    setup: () =>
      prepared()
        ? { status: "healthy" }
        : { status: "unhealthy", detail: "the administrator's token is not recorded yet" },
    certificates: () => {
      const now = clock().toISOString()
      const expired = [...all(projections.world, "certificate")].filter(
        ({ material }) => material !== null && material.expires_at <= now,
      )
      if (expired.length === 0) return { status: "healthy" }
      return { status: "degraded", detail: `${expired.length} expired` }
    },
    docker: async () => {
      const count = projections.world.objects.service.size
      if (count === 0) return { status: "healthy", detail: "not used" }
      const answers = await pingDocker().then(
        () => true,
        () => false,
      )
      return answers
        ? { status: "healthy" }
        : { status: "degraded", detail: `the container engine of ${count} services cannot be reached` }
    },
    oauth: () => {
      const keyCount = projections.world.objects["signing-key"].size
      return keyCount > 0 ? { status: "healthy" } : { status: "unhealthy", detail: "there is no signing key" }
    },
  }
}
