import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Redis } from "ioredis"
import { keys } from "../../src/platform/redis-keys.ts"
import { redisScript } from "../../src/platform/redis-script.ts"

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

const script = redisScript("erased")
const erased = (count: number, since: string) => script(redis, [keys.erasure], [count, since])
const waiting = () => redis.hgetall(keys.erasure)

it("what was destroyed since the rewrite began goes on waiting, from then on", async () => {
  await redis.hset(keys.erasure, { since: "100", count: "3" })
  expect(await erased(2, "100")).toBe(1)
  const { since, count } = await waiting()
  expect([count, Number(since) > 100]).toEqual(["1", true])
  expect(await erased(1, since!)).toBe(0)
  expect(await waiting()).toEqual({})
})

it("of two nodes that saw to the same rewrite only the first counts: the other knows nothing of what came later", async () => {
  await redis.hset(keys.erasure, { since: "100", count: "2" })
  expect(await erased(2, "100")).toBe(0)
  await redis.hset(keys.erasure, { since: "200", count: "1" })
  expect(await erased(2, "100")).toBe(1)
  expect(await waiting()).toEqual({ since: "200", count: "1" })
  await redis.del(keys.erasure)
  expect(await erased(2, "100")).toBe(0)
  expect(await waiting()).toEqual({})
})
