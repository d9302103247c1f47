import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Redis } from "ioredis"
import { connectedRedis } from "../support/connected-redis.ts"
import { logger } from "../../src/platform/log.ts"
import { ttlStore } from "../../src/platform/ttl-store.ts"
import { usedProofs } from "../../src/platform/used-proofs.ts"

let server: RedisServer
const connections: Redis[] = []
const lines: string[] = []
const log = logger(
  "INFO",
  () => new Date(),
  (line) => void lines.push(line),
)
let clock = 0

/** The memory of one more node. */
async function node(): Promise<ReturnType<typeof usedProofs>> {
  const redis = await connectedRedis(server.url, "proofs", log)
  connections.push(redis)
  return usedProofs(ttlStore(redis), 60_000, log, () => clock)
}

beforeAll(async () => {
  server = await redisServer()
})
afterAll(async () => {
  for (const redis of connections) redis.disconnect()
  await server?.stop()
})

describe("the memory of used proofs", () => {
  it("knows what any node was asked, for as long as it was told", async () => {
    const [one, two] = [await node(), await node()]
    expect([await one("a"), await two("a"), await one("a"), await two("b")]).toEqual([true, false, false, true])
    const asked = await Promise.all(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? one : two)("c")))
    expect(asked.filter(Boolean)).toHaveLength(1)
    const left = (await server.command("KEYS {gho}:proof:*")).match(/\{gho\}:proof:[0-9a-f]{64}/g)!
    expect(left).toHaveLength(3)
    expect(await server.command(`PTTL ${left[0]}`)).toMatch(/:[1-9]\d+/)
  })

  it("takes no delay of its own process for the store's silence", async () => {
    const [one, two] = [await node(), await node()]
    expect([await one("s"), await two("t")]).toEqual([true, true])
    server.pause()
    const asked = one("u")
    await new Promise((resolve) => setImmediate(resolve))
    server.resume()
    // Longer than a request waits for the store's word, which comes meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800)
    expect([await asked, await two("u"), await one("u")]).toEqual([true, false, false])
    expect(lines.join("")).not.toContain("used_proofs_not_shared")
  })

  it("keeps nobody waiting while the store is gone, says so once, and comes back", async () => {
    const one = await node()
    expect(await one("d")).toBe(true)
    await server.kill()
    lines.length = 0
    expect([await one("d"), await one("d")]).toEqual([true, true])
    clock += 2001
    expect(await one("d")).toBe(true)
    expect(lines.filter((line) => line.includes("used_proofs_not_shared"))).toHaveLength(1)
    await server.restart()
    for (let times = 0; times < 100 && (await one("d")); times += 1) {
      clock += 2001
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await one("d")).toBe(false)
    expect(lines.filter((line) => line.includes('"used_proofs_shared"'))).toHaveLength(1)
  })
})
