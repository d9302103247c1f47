import { expect, it } from "vitest"
import { connectedRedis } from "../support/connected-redis.ts"
import { counters } from "../../src/platform/counters.ts"
import { redisServer } from "../support/redis-server.ts"
import { requestTally, requestsSince } from "../../src/platform/request-tally.ts"

it("Requests of all nodes are counted by the first digit of their status, by the second and for themselves alone", async () => {
  const server = await redisServer()
  const redis = await connectedRedis(server.url, "requests")
  try {
    let now = 1_800_000_030_000
    const [one, other] = [1, 2].map(() =>
      counters(
        redis,
        () => now,
        () => undefined,
      ),
    )
    requestTally(one!)([200, 204, 301, 404, 503, 999].map((status) => ({ status })))
    requestTally(other!)(Array.from({ length: 84 }, () => ({ status: 200 })))
    requestTally(other!)([])
    await Promise.all([one!.flush(), other!.flush()])
    const lastMinute = await requestsSince(one!, now, 60_000)
    expect(lastMinute.by_status).toEqual({ "2xx": 86, "3xx": 1, "4xx": 1, "5xx": 1 })
    // From the beginning of the minute a minute ago: ninety seconds.
    expect([lastMinute.total, lastMinute.per_second]).toEqual([89, 0.99])
    expect((await one!.since(now - 3_600_000)).size).toBe(0)
    now += 600_000
    expect((await requestsSince(other!, now, 60_000)).total).toBe(0)
    expect((await requestsSince(other!, now, 3_600_000)).total).toBe(89)
  } finally {
    redis.disconnect()
    await server.stop()
  }
})
