import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Redis } from "ioredis"
import { accessReader } from "../../src/platform/access-reader.ts"
import { accessStream } from "../../src/platform/access-stream.ts"
import { connectRedis } from "../../src/platform/redis.ts"
import { logger } from "../../src/platform/log.ts"
import { keys } from "../../src/platform/redis-keys.ts"

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

const record = (path: string) => ({ at: 1, path, secret: "never kept" })
const row = ({ at, path }: ReturnType<typeof record>) => [at, path]
const paths = async () =>
  (await redis.xrange(keys.access, "-", "+")).map(([id, fields]) => {
    expect(fields.slice(0, 3)).toEqual(["columns", '["at","path"]', "rows"])
    return [id, (JSON.parse(fields[3]!) as [number, string][]).map(([, path]) => path)]
  })

it("keeps the named columns of each request, one entry a batch", async () => {
  const sink = accessStream(redis, ["at", "path"], row, 5)
  await sink([record("/a"), record('/b\n"c')])
  await sink([record("/d")])
  expect(await paths()).toEqual([
    ["2-0", ["/a", '/b\n"c']],
    ["3-0", ["/d"]],
  ])
})

it("drops the oldest batches when their requests are beyond the limit", async () => {
  const sink = accessStream(redis, ["at", "path"], row, 5)
  await sink(["/e", "/f", "/g", "/h"].map(record))
  await sink([record("/i")])
  expect((await paths()).map(([id]) => id)).toEqual(["3-0", "7-0", "8-0"])
})

it("is read by the numbers of its requests, over the ends of batches and of what is kept", async () => {
  const reader = accessReader(redis)
  const read = async (from: number, to: number) =>
    (await reader.read(from, to)).map(({ number, path }) => `${number} ${path as string}`)
  expect([await reader.oldest(), await reader.newest()]).toEqual([3, 8])
  expect(await read(5, 6)).toEqual(["5 /f", "6 /g"])
  expect(await read(1, 4)).toEqual(["3 /d", "4 /e"])
  expect(await read(7, 99)).toEqual(["7 /h", "8 /i"])
  expect(await read(8, 7)).toEqual([])
})

it("begins anew when its count is gone, whatever stood there", async () => {
  await redis.del(keys.accessTotal)
  await redis.xadd(keys.access, "*", "record", "{}")
  await accessStream(redis, ["at", "path"], row, 5)([record("/new")])
  expect(await paths()).toEqual([["1-0", ["/new"]]])
})

it("cannot be read while Redis is away, and says so", async () => {
  const away = connectRedis(
    "redis://127.0.0.1:1",
    "away",
    "command",
    logger(
      "CRITICAL",
      () => new Date(),
      () => {},
    ),
  )
  const reader = accessReader(away)
  for (const ask of [reader.newest(), reader.oldest(), reader.read(1, 2)])
    await expect(ask).rejects.toMatchObject({ code: "store_unavailable" })
  away.disconnect()
})

it("what was never written holds nothing", async () => {
  await redis.del(keys.access, keys.accessTotal)
  const reader = accessReader(redis)
  expect([await reader.oldest(), await reader.newest(), await reader.read(1, 10)]).toEqual([1, 0, []])
})
