import { type OAuthIndex, oauthIndex } from "../../src/platform/oauth-index.ts"
import { recordKey } from "../../src/platform/record-key.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type TtlStore, ttlStore } from "../../src/platform/ttl-store.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { Redis } from "ioredis"
import { connectedRedis } from "../support/connected-redis.ts"

let server: RedisServer
let redis: Redis
let store: TtlStore
let index: OAuthIndex

beforeAll(async () => {
  server = await redisServer()
  redis = await connectedRedis(server.url, "index")
  store = ttlStore(redis)
  index = oauthIndex(redis)
})

afterAll(async () => {
  redis?.disconnect()
  await server?.stop()
})

it("finds a record by its facets, and moves its line when it is written again", async () => {
  const before = Date.now()
  await store.put("session", "secret-of-a-cookie", { user: "a" }, 60_000, { facets: ["public-id"] })
  const [line, ...others] = await index.lines("session", Date.now())
  expect(others).toEqual([])
  expect(line).toMatchObject({ key: recordKey("session", "secret-of-a-cookie"), facets: ["public-id"] })
  expect(line!.expires).toBeGreaterThanOrEqual(before + 60_000)
  await store.put("session", "secret-of-a-cookie", { user: "b" }, 120_000, { facets: ["public-id"] })
  expect(await index.count("session", 0)).toBe(1)
  expect(await index.records([line!.key, "no such key"])).toEqual([{ user: "b" }, undefined])
  expect(await server.command("ZRANGE {gho}:index:session 0 -1")).not.toContain("secret-of-a-cookie")
  await index.remove("session", [line!])
  expect([await index.count("session", 0), await store.peek("session", "secret-of-a-cookie")]).toEqual([0, undefined])
})

it("keeps an expired record as long as was asked, and forgets its line with a later write", async () => {
  await store.put("token", "kept", { jti: "kept" }, 1, { facets: ["g", "c"], keepMs: 60_000 })
  await store.put("token", "short", { jti: "short" }, 1, { facets: ["g", "c"], keepMs: 30 })
  await expect.poll(() => index.count("token", Date.now())).toBe(0)
  expect(await store.peek("token", "kept")).toEqual({ jti: "kept" })
  await expect.poll(() => store.peek("token", "short")).toBeUndefined()
  await store.remove("token", "kept")
  await store.put("token", "next", {}, 60_000, { keepMs: 10 })
  expect(await index.count("token", 0)).toBe(1)
  expect(await index.forget("token", Date.now() + 3_600_000)).toBe(1)
})

it("follows a refresh family from its code to its end", async () => {
  const bindings = { client_id: "c", redirect_uri: "https://a.example/", code_challenge: "x", resources: [] }
  const now = Date.now()
  await store.putCode(
    "code",
    { ...bindings, redirect_uri_given: true, expires: now + 1000, family_ttl: 5000, value: "{}" },
    60_000,
  )
  expect(await index.lines("refresh", now)).toEqual([])
  await store.redeemCode("code", "family", bindings, now, 1000)
  expect(await index.lines("refresh", now)).toEqual([
    { key: recordKey("refresh", "family"), facets: [], expires: now + 5000 },
  ])
  await store.rotate("family", "c", 1, now + 100, 10, 9000)
  expect(await index.lines("refresh", now)).toMatchObject([{ expires: now + 9100 }])
  expect(await store.rotate("family", "c", 1, now + 200, 10, 9000)).toMatchObject({ status: "reused" })
  expect(await index.lines("refresh", now)).toEqual([])
})

it("reads many thousand lines in pages", async () => {
  const script =
    "for i = 1, 9000 do redis.call('ZADD', '{gho}:index:token', 4000000000000 + i % 7, 'k' .. i .. ' g' .. i) end return 1"
  await redis.eval(script, 0)
  const lines = await index.lines("token", 4_000_000_000_000)
  expect(lines).toHaveLength(9000)
  expect(new Set(lines.map(({ facets }) => facets[0])).size).toBe(9000)
})
