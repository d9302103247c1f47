import { afterAll, beforeAll, expect, it } from "vitest"
import { type RedisServer, redisServer } from "./support/redis-server.ts"
import { type HealthParts, healthChecks } from "../src/health-checks.ts"
import { Redis } from "ioredis"
import { keys } from "../src/platform/redis-keys.ts"

let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await redisServer()
  redis = new Redis(server.url)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

it("The scheduler is degraded when nobody has worked on certificates for two lives of a lease, and well when somebody does", async () => {
  let now = Date.parse("2026-01-01T00:00:00Z")
  const parts = { redis, clock: () => new Date(now), leaseTtlMs: 15_000 } as Partial<HealthParts> as HealthParts
  const checks = healthChecks(parts)
  const scheduler = async () => (await checks["scheduler"]!()).status
  expect(await scheduler()).toBe("healthy")
  now += 30_001
  expect(await scheduler()).toBe("degraded")
  await redis.set(keys.lease("effects:certificates"), "somebody")
  expect(await scheduler()).toBe("healthy")
  await redis.del(keys.lease("effects:certificates"))
  now += 20_000
  expect(await scheduler(), "another node is taking over").toBe("healthy")
  now += 20_000
  expect(await scheduler()).toBe("degraded")
})
