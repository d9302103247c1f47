import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Redis } from "ioredis"
import { keys } from "../../../src/platform/redis-keys.ts"

const refused = 21_000
const began = Date.parse("2026-01-01T00:00:00Z")
let api: RunningApi
let redis: Redis
beforeAll(async () => {
  api = await runningApi()
  redis = new Redis(api.redis.url)
  for (let from = 0; from < refused; from += 3000) {
    const pipeline = redis.pipeline()
    for (let number = from; number < from + 3000; number += 1) {
      const decided_at = new Date(began + number * 1000).toISOString()
      const id = String(number)
      const outcome = { command_id: id, type: "DeleteProxy", actor: "ADMIN", status: "rejected", code: "not_found" }
      const text = JSON.stringify({ ...outcome, submitted_at: decided_at, decided_at })
      pipeline.xadd(keys.decisions, `${began + number * 1000}-0`, "entry", "1-1", "outcome", text)
    }
    await pipeline.exec()
  }
})
afterAll(async () => {
  redis.disconnect()
  await api.stop()
})

interface Audit {
  readonly entries: { at: string; command: string; command_id: string }[]
  readonly pagination: { total: number }
  readonly searched: { since?: string; until?: string }
}
const audit = (query: string) => api.call<Audit>("GET", `/api/v1/audit?status=rejected&${query}`)

/** How often the store was asked for a part of a stream. */
async function questions(): Promise<number> {
  const text = await redis.info("commandstats")
  const calls = [...text.matchAll(/cmdstat_x(?:rev)?range:calls=(\d+)/g)].map(([, count]) => Number(count))
  return calls.reduce((sum, count) => sum + count, 0)
}

test("thousands of refused commands are looked through by the page, and read for the page that is shown", async () => {
  const before = await questions()
  const { status, body } = await audit("per_page=50")
  expect([status, body.entries.length]).toEqual([200, 50])
  expect(body.entries[0]).toMatchObject({ command: "DeleteProxy", command_id: String(refused - 1) })
  expect((await questions()) - before).toBeLessThan(50 + refused / 1000 + 10)
})

test("what is beyond the number that one call looks at is found by going on from there", async () => {
  const seen = new Set<string>()
  for (const order of ["desc", "asc"] as const) {
    const first = (await audit(`order=${order}&per_page=100`)).body
    expect(first.pagination.total).toBe(20_000)
    const [edge, next] = order === "desc" ? [first.searched.since, "until"] : [first.searched.until, "since"]
    const rest = (await audit(`order=${order}&per_page=100&${next}=${edge}`)).body
    // The one at the edge is in both.
    expect(rest.pagination.total).toBe(1001)
    expect(rest.searched).not.toHaveProperty(order === "desc" ? "since" : "until")
    for (const { command_id } of [...first.entries, ...rest.entries]) seen.add(command_id)
  }
  for (const number of [0, 999, 1000, 19_999, 20_000, refused - 1])
    expect(seen, String(number)).toContain(String(number))
})

test("times find what lies between them, and many at once are no trouble for the store", async () => {
  const [since, until] = [5000, 5009].map((number) => new Date(began + number * 1000).toISOString())
  const between = await audit(`since=${since}&until=${until}`)
  expect(between.body.entries.map(({ command_id }) => command_id)).toEqual(
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((number) => String(5000 + number)),
  )
  const answers = await Promise.all(Array.from({ length: 10 }, () => audit("object=proxy&ip=203.0.113.9")))
  expect(answers.map(({ status, body }) => [status, body.pagination.total])).toEqual(answers.map(() => [200, 0]))
  // Two hundred thousand questions to the store: ten seconds where nothing else runs.
}, 120_000)
