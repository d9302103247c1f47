import { afterAll, beforeAll, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { api, installation, startNode } from "../support/gatehouse.ts"

let redis: RedisServer
beforeAll(async () => {
  redis = await redisServer()
})
afterAll(() => redis.stop())

test("Without ADMIN_TOKEN, and with none stored, the start warns and nobody administers; one that was stored goes on", async () => {
  const shared = installation(redis.url)
  const without = await startNode(shared, { ADMIN_TOKEN: "" })
  try {
    expect(without.log()).toContain("no_admin_token")
    for (const token of [undefined, "", shared.ADMIN_TOKEN, "ADMIN", "undefined"]) {
      const { status } = await api(without.apiPort, token, "GET", "/api/v1/tokens")
      expect(status, String(token)).toBe(401)
    }
    expect((await api(without.apiPort, undefined, "GET", "/health")).status).toBe(200)
  } finally {
    await without.stop()
  }
  const withToken = await startNode(shared)
  expect((await withToken.api("GET", "/api/v1/tokens")).status).toBe(200)
  await withToken.stop()
  const again = await startNode(shared, { ADMIN_TOKEN: "" })
  try {
    expect(again.log()).toContain("no_admin_token")
    expect((await api(again.apiPort, shared.ADMIN_TOKEN, "GET", "/api/v1/tokens")).status).toBe(200)
  } finally {
    await again.stop()
  }
})
