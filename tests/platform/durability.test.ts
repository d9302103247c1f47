import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { connectedRedis } from "../support/connected-redis.ts"
import { durability } from "../../src/platform/durability.ts"

let server: RedisServer

beforeAll(async () => {
  server = await redisServer()
})
afterAll(() => server.stop())

async function read(url = server.url) {
  const redis = await connectedRedis(url, "test")
  try {
    return await durability(redis)
  } finally {
    redis.disconnect()
  }
}

describe("durability", () => {
  beforeEach(async () => {
    for (const setting of ["appendonly yes", "appendfsync always", "maxmemory-policy noeviction"])
      await server.command(`CONFIG SET ${setting}`)
  })

  test("is good with an append-only file that is synced on every write", async () => {
    expect(await read()).toEqual({ ok: true, detail: "appendonly=yes appendfsync=always maxmemory-policy=noeviction" })
  })

  test.each(["appendonly no", "appendfsync everysec"])("is weak with %s", async (setting) => {
    await server.command(`CONFIG SET ${setting}`)
    expect(await read()).toMatchObject({ ok: false, detail: expect.stringContaining(setting.replace(" ", "=")) })
  })

  test.each(["allkeys-lru", "volatile-ttl"])("refuses a store that evicts by %s", async (policy) => {
    await server.command(`CONFIG SET maxmemory-policy ${policy}`)
    await expect(read()).rejects.toMatchObject({ name: "EvictionError", message: expect.stringContaining(policy) })
  })

  test("is unknown, and so weak, where CONFIG is forbidden; INFO still shows eviction", async () => {
    await server.command("ACL SETUSER managed on >managed-password-0123456 ~* +@all -config")
    const managed = `redis://managed:managed-password-0123456@127.0.0.1:${server.port}/0`
    expect(await read(managed)).toEqual({
      ok: false,
      detail: "appendonly=yes appendfsync=unknown maxmemory-policy=noeviction",
    })
    await server.command("CONFIG SET maxmemory-policy allkeys-lru")
    await expect(read(managed)).rejects.toMatchObject({ name: "EvictionError" })
  })
})
