import { type RedisServer, redisServer } from "../support/redis-server.ts"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type TtlStore, ttlStore } from "../../src/platform/ttl-store.ts"
import type { Redis } from "ioredis"
import { connectedRedis } from "../support/connected-redis.ts"
import { within } from "../support/within.ts"
import { randomUUID } from "node:crypto"

let server: RedisServer
let redis: Redis
let store: TtlStore

beforeAll(async () => {
  server = await redisServer()
  redis = await connectedRedis(server.url, "ttl")
  store = ttlStore(redis)
})

afterAll(async () => {
  redis?.disconnect()
  await server?.stop()
})

const now = 1_800_000_000_000
const bindings = { client_id: "c", redirect_uri: "https://a.example/", code_challenge: "x", resources: [] }
const record = {
  ...bindings,
  redirect_uri_given: true,
  resources: ["r1", "r2"],
  expires: now + 1000,
  family_ttl: 5000,
  value: '{"a":[]}',
}
const code = async (overrides: object = {}) => {
  const id = randomUUID()
  await store.putCode(id, { ...record, ...overrides }, 60_000)
  return id
}

describe("values", () => {
  it("live for their time, and are kept under the hash of their id", async () => {
    await store.put("state", "the-secret-state", { list: [], text: "é" }, 60_000)
    expect(await store.peek("state", "the-secret-state")).toEqual({ list: [], text: "é" })
    expect(await store.peek("session", "the-secret-state")).toBeUndefined()
    const names = await server.command("KEYS {gho}:*")
    expect(names).toMatch(/\{gho\}:state:[0-9a-f]{64}/)
    expect(names).not.toContain("the-secret-state")
    await store.put("state", "short", 1, 20)
    await expect.poll(() => store.peek("state", "short")).toBeUndefined()
  })

  it("are taken by one of many", async () => {
    await store.put("state", "once", "v", 60_000)
    const taken = await Promise.all(Array.from({ length: 20 }, () => store.take("state", "once")))
    expect(taken.filter((value) => value !== undefined)).toEqual(["v"])
  })

  it("are removed", async () => {
    await store.put("state", "gone", "v", 60_000)
    await store.remove("state", "gone")
    expect(await store.peek("state", "gone")).toBeUndefined()
  })
})

describe("a code", () => {
  it.each([
    ["client", { client_id: "d" }],
    ["redirect_uri", { redirect_uri: "https://b.example/" }],
    ["redirect_uri", { redirect_uri: "" }],
    ["verifier", { code_challenge: "y" }],
    ["resource", { resources: ["r1", "r3"] }],
  ])("is refused for its %s and stays", async (binding, wrong) => {
    const id = await code()
    expect(await store.redeemCode(id, id, { ...bindings, ...wrong }, now, 1000)).toEqual({ status: "refused", binding })
    expect(await store.redeemCode(id, id, { ...bindings, resources: ["r2"] }, now, 1000)).toEqual({
      status: "redeemed",
      value: '{"a":[]}',
    })
  })

  it("is redeemed once, and remembered as used for its client", async () => {
    const id = await code()
    const answers = await Promise.all(Array.from({ length: 20 }, () => store.redeemCode(id, id, bindings, now, 60_000)))
    expect(answers.filter(({ status }) => status === "redeemed")).toHaveLength(1)
    expect(answers.filter(({ status }) => status === "used")).toHaveLength(19)
    expect(await store.redeemCode(id, id, { ...bindings, client_id: "d" }, now, 1)).toEqual({
      status: "refused",
      binding: "client",
    })
    expect(await store.redeemCode(id, id, { ...bindings, code_challenge: "y" }, now, 1)).toMatchObject({
      status: "used",
    })
  })

  it("is unknown when it is too old or never was", async () => {
    const id = await code()
    expect(await store.redeemCode(id, id, bindings, now + 1000, 1)).toMatchObject({ status: "unknown" })
    expect(await store.redeemCode("never", "never", bindings, now, 1)).toMatchObject({ status: "unknown" })
  })

  it("starts no family where none was wanted, or where it was refused", async () => {
    const plain = await code({ family_ttl: 0 })
    await store.redeemCode(plain, plain, bindings, now, 1000)
    const refused = await code()
    await store.redeemCode(refused, refused, { ...bindings, code_challenge: "y" }, now, 1000)
    for (const id of [plain, refused]) expect(await store.peek("refresh", id)).toBeUndefined()
  })
})

describe("a refresh family", () => {
  const family = async () => {
    const id = await code({ family_ttl: 31_536_000_000 })
    await store.redeemCode(id, id, bindings, now, 1000)
    return id
  }
  const rotate = (id: string, generation: number, at = now, client = "c") =>
    store.rotate(id, client, generation, at, 30_000, 60_000)

  it("rotates, repeats the unused successor for the time of grace, and dies of anything older", async () => {
    const id = await family()
    expect(await rotate(id, 1)).toEqual({ status: "current", generation: 2 })
    expect(await rotate(id, 1, now + 30_000)).toEqual({ status: "current", generation: 2 })
    expect(await rotate(id, 2, now + 40_000)).toEqual({ status: "current", generation: 3 })
    expect(await rotate(id, 1, now + 40_000)).toMatchObject({ status: "reused" })
    expect(await rotate(id, 3, now + 40_000)).toMatchObject({ status: "reused" })
  })

  it("dies of its last token after the time of grace", async () => {
    const id = await family()
    await rotate(id, 1)
    expect(await rotate(id, 1, now + 30_001)).toMatchObject({ status: "reused" })
  })

  it("knows its client, and no token of the future", async () => {
    const id = await family()
    expect(await rotate(id, 1, now, "d")).toMatchObject({ status: "refused" })
    expect(await rotate(id, 9)).toMatchObject({ status: "unknown" })
    expect(await rotate(id, 1)).toEqual({ status: "current", generation: 2 })
    expect(await rotate("never", 1)).toMatchObject({ status: "unknown" })
  })

  it("lives anew with each rotation", async () => {
    const id = await family()
    await store.rotate(id, "c", 1, now, 30_000, 120)
    await expect.poll(() => store.peek("refresh", id)).toBeUndefined()
  })
})

describe("a counter", () => {
  it("counts in its window and starts again after it", async () => {
    expect(await store.count("b", 60_000)).toMatchObject({ count: 1 })
    const second = await store.count("b", 60_000)
    expect(second.count).toBe(2)
    expect(second.endsInMs).toBeGreaterThan(50_000)
    await store.count("brief", 20)
    await expect.poll(async () => (await store.count("brief", 20)).count).toBe(1)
  })
})

describe("without Redis", () => {
  it("fails within two seconds as store_unavailable", async () => {
    server.pause()
    try {
      for (const call of [() => store.take("state", "x"), () => store.rotate("x", "c", 1, now, 1, 1)])
        await expect(within(2000, call)).rejects.toMatchObject({ code: "store_unavailable" })
    } finally {
      server.resume()
    }
  })
})
