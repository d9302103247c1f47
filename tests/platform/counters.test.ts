import { type Counters, counters } from "../../src/platform/counters.ts"
import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { type UsedRequest, admitted, refused } from "../../src/platform/usage-tally.ts"
import { type Usage, usage } from "../../src/platform/usage.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Redis } from "ioredis"
import { connectedRedis } from "../support/connected-redis.ts"
import { untilReady } from "../../src/platform/redis-call.ts"

const hour = 3_600_000
let server: RedisServer
let redis: Redis
let now = 1_800_000_000_000
const lost: unknown[] = []
let counted: Counters
let used: Usage

beforeAll(async () => {
  server = await redisServer()
  redis = await connectedRedis(server.url, "counters")
  counted = counters(
    redis,
    () => now,
    (error) => lost.push(error),
  )
  used = usage(redis, counted)
})

afterAll(async () => {
  redis?.disconnect()
  await server?.stop()
})

describe("counters", () => {
  it("count for everything and for a scope, and know when it was last", async () => {
    counted.add({ issued: 1, refreshed: 1 }, "client:a")
    counted.add({ issued: 2 }, "client:b")
    counted.addTo("client:a", { failed: 1 })
    const all = async () => Object.fromEntries(await counted.since(now - hour))
    await expect.poll(all).toEqual({ issued: 3, refreshed: 1 })
    expect(Object.fromEntries(await counted.since(now - hour, "client:a"))).toEqual({
      issued: 1,
      refreshed: 1,
      failed: 1,
    })
    const { counts, last } = await counted.totals("client:b")
    expect([Object.fromEntries(counts), Object.fromEntries(last)]).toEqual([{ issued: 2 }, { issued: now }])
    expect((await counted.since(now - hour, "client:c")).size).toBe(0)
  })

  it("are read with what was just counted, also on a Redis that has forgotten the script", async () => {
    await redis.script("FLUSH")
    counted.add({ begun: 1 }, "client:forgotten")
    expect((await counted.totals("client:forgotten")).counts.get("begun")).toBe(1)
    await redis.script("FLUSH")
    counted.add({ begun: 1 }, "client:forgotten")
    void counted.flush()
    expect((await counted.since(now - hour, "client:forgotten")).get("begun")).toBe(2)
    counted.add({ begun: -2 })
    await counted.flush()
  })

  it("are written down together, and at once before they are read here", async () => {
    const other = counters(
      redis,
      () => now,
      () => undefined,
    )
    const before = (await counted.totals("client:b")).counts.get("issued")
    for (let time = 0; time < 50; time += 1) other.add({ issued: 1 }, "client:batch")
    expect((await other.totals("client:batch")).counts.get("issued")).toBe(50)
    other.add({ issued: 1 }, "client:batch")
    await other.flush()
    expect((await counted.totals("client:batch")).counts.get("issued")).toBe(51)
    other.add({ issued: -51 })
    await other.flush()
    expect((await counted.totals("client:b")).counts.get("issued")).toBe(before)
  })

  it("let an hour pass by the minute and days by the hour", async () => {
    const start = now
    now = start + 30 * 60_000
    counted.add({ issued: 10 }, "client:a")
    now = start + 61 * 60_000
    expect((await counted.since(now - hour)).get("issued")).toBe(10)
    expect((await counted.since(start)).get("issued")).toBe(13)
    now = start + 25 * hour
    expect((await counted.since(now - hour)).size).toBe(0)
    expect((await counted.since(now - 24 * hour)).get("issued")).toBeUndefined()
    expect((await counted.since(now - 30 * hour)).get("issued")).toBe(13)
    expect((await counted.totals()).counts.get("issued")).toBe(13)
  })

  it("keep no text of a scope, and every key has an end", async () => {
    const names = await redis.keys("{gho}:count:*")
    expect(names.length).toBeGreaterThan(5)
    expect(names.join()).not.toContain("client")
    for (const name of names) expect(await redis.pttl(name), name).toBeGreaterThan(0)
  })

  it("neither wait nor fail while Redis is away, and say what was lost", async () => {
    server.pause()
    try {
      expect(counted.add({ issued: 1 })).toBeUndefined()
      await expect(counted.since(now - hour)).rejects.toThrow(expect.objectContaining({ code: "store_unavailable" }))
      await expect.poll(() => lost.length, { timeout: 5000 }).toBeGreaterThan(0)
    } finally {
      server.resume()
    }
    await untilReady(redis, 20_000)
  })
})

describe("usage", () => {
  const request = (overrides: Partial<UsedRequest> = {}): UsedRequest => ({
    at: now,
    client: "192.0.2.1",
    status: 200,
    proxy: "mcp.example.com",
    client_id: "c",
    grant_id: "g",
    token_id: "t",
    reason: null,
    ...overrides,
  })

  it("writes down at once what was collected when its node ends", async () => {
    const { add, flush } = used.collect(60_000, (error) => lost.push(error))
    const own = { grant_id: "ended", client_id: "ended", token_id: "ended", proxy: "ended.example.com" }
    add([request(own)])
    add([request(own)])
    expect(await used.of("grant", "ended")).toBeUndefined()
    await flush()
    expect(await used.of("grant", "ended")).toMatchObject({ requests: 2 })
    await flush()
    expect(await used.of("grant", "ended")).toMatchObject({ requests: 2 })
  })

  it("adds up batches, whatever their order", async () => {
    await used.record([request(), request({ at: now + 5000, proxy: "b.example.com" }), request({ token_id: "t2" })])
    await used.record([request({ at: now - 9000, client: "192.0.2.2" })])
    expect(await used.of("grant", "g")).toEqual({
      requests: 4,
      last: now + 5000,
      hosts: new Map([
        ["mcp.example.com", now],
        ["b.example.com", now + 5000],
      ]),
      addresses: new Map([
        ["192.0.2.1", now + 5000],
        ["192.0.2.2", now - 9000],
      ]),
    })
    expect(await used.of("token", "t2")).toMatchObject({ requests: 1 })
    expect(await used.of("client", "c")).toMatchObject({ requests: 4 })
    expect(await used.of("grant", "other")).toBeUndefined()
  })

  it("keeps a bounded number of addresses of one that comes from everywhere", async () => {
    await used.record(
      Array.from({ length: 300 }, (_, index) => request({ grant_id: "roaming", client: `198.51.100.${index}` })),
    )
    const found = await used.of("grant", "roaming")
    expect(found).toMatchObject({ requests: 300 })
    expect(found!.addresses.size).toBeLessThanOrEqual(60)
  })

  it("tells those who were let in from those who were refused, and from those who begin", async () => {
    const nobody = { grant_id: null, client_id: null, token_id: null }
    await used.record([
      request(),
      request({ ...nobody, status: 401, reason: "bad_signature" }),
      request({ ...nobody, status: 403, reason: "user_not_allowed" }),
      request({ ...nobody, status: 401, reason: "no_credential" }),
      request({ ...nobody, status: 200 }),
    ])
    const counts = await counted.since(now - hour, "proxy:mcp.example.com")
    expect([counts.get(admitted), counts.get(refused)]).toEqual([304, 2])
  })
})
