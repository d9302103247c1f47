import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { beforeEach, describe, expect, test } from "vitest"
import { digests } from "../../../src/projections/digest.ts"
import { rewriteLog, withField } from "../../support/log-rewrite.ts"
import { Redis } from "ioredis"

let api: RunningApi
let alice: string
beforeEach(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  return () => api.stop()
})

interface Verification {
  ok: boolean
  verified: { position: number }
  commands: number
  untraced: number
  problem: { position: number | null; code: string; detail: string } | null
}

const create = (hostname: string) =>
  api.call(
    "POST",
    "/api/v1/proxy/targets",
    { hostname, target_url: "http://93.184.216.34", enable_https: false },
    {},
    alice,
  )
const verify = async () => {
  const { status, body } = await api.call<Verification>("GET", "/api/v1/log/verify")
  expect(status).toBe(200)
  conforming("verifyLog", body)
  return body
}
const raw = async <T>(use: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(api.redis.url)
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

describe("a log that nobody touched", () => {
  test("is whole, with a command for every event and an outcome for every command", async () => {
    await create("a.internal")
    expect((await create("a.internal")).status).toBe(409)
    const { position } = await api.store.head()
    const found = await verify()
    expect(found).toMatchObject({ ok: true, verified: { position }, commands: 4, untraced: 0, problem: null })
  })

  test("is for administrators", async () => {
    for (const path of ["verify", "stats", "replay?to=1", "diff?from=1"])
      expect((await api.call("GET", `/api/v1/log/${path}`, undefined, {}, alice)).body["code"]).toBe("admin_required")
  })

  test("has its sizes told", async () => {
    await create("a.internal")
    await create("a.internal")
    const { body } = await api.call("GET", "/api/v1/log/stats")
    conforming("getLogStats", body)
    expect(body).toMatchObject({ first: 1, last: 3, position: 3, unerased: 0, objects: { proxy: 1, "api-token": 2 } })
    expect(body["entries"]).toMatchObject({ events: 3, commands: 4, decisions: 1, dead_letters: 0 })
  })
})

describe("a log that somebody changed", () => {
  const found = async (edit: Parameters<typeof rewriteLog>[1]) => {
    for (const name of ["a", "b", "c"]) await create(`${name}.internal`)
    await rewriteLog(api.redis.url, edit)
    const { ok, verified, problem } = await verify()
    expect(ok).toBe(false)
    return { ...problem, whole: verified.position }
  }

  test("by one character is bad at that position", async () => {
    const flipped = await found((entries) =>
      entries.map(([id, fields]) => [
        id,
        id === "4-0" ? withField(fields, "data", (data) => data.replace("b.internal", "b.internbl")) : fields,
      ]),
    )
    expect(flipped).toMatchObject({ position: 4, code: "chain", whole: 3 })
  })

  test("by an entry less is bad where it stood", async () => {
    const removed = await found((entries) => entries.filter(([id]) => id !== "3-0"))
    expect(removed).toMatchObject({ position: 3, code: "gap", whole: 2 })
  })

  test("by its last entry is bad there, as its head shows", async () => {
    const cut = await found((entries) => entries.slice(0, -1))
    expect(cut).toMatchObject({ position: 5, code: "gap", whole: 4 })
  })

  test("by two entries in each other's place is bad at the first", async () => {
    const swapped = await found((entries) => {
      const [third, fourth] = [entries[2]!, entries[3]!]
      return entries.with(2, [third[0], fourth[1]]).with(3, [fourth[0], third[1]])
    })
    expect(swapped).toMatchObject({ position: 3, code: "chain", whole: 2 })
  })

  test("by an entry that holds no event is bad there", async () => {
    const garbage = await found((entries) => entries.with(3, ["4-0", ["data", "{"]]))
    expect(garbage).toMatchObject({ position: 4, code: "no_event", whole: 3 })
  })

  test("by a command less shows the event that nobody asked for", async () => {
    await create("a.internal")
    await rewriteLog(api.redis.url, (commands) => commands.slice(0, -1), "{gh}:commands")
    expect((await verify()).problem).toMatchObject({ position: 3, code: "no_command" })
  })

  test("by a decision less shows the command whose outcome is gone", async () => {
    await create("a.internal")
    for (let again = 0; again < 2; again += 1) await create("a.internal")
    await raw(async (redis) => {
      const [, second] = await redis.xrange("{gh}:decisions", "-", "+")
      await redis.xdel("{gh}:decisions", second![0])
      await redis.del(...(await redis.keys("{gh}:outcome:*")))
    })
    expect((await verify()).problem).toMatchObject({ position: null, code: "no_outcome" })
  })
})

describe("an earlier state", () => {
  test("is the one whose digest was recorded then, whatever came later", async () => {
    await create("a.internal")
    const then = digests(api.projections.world)
    const at = (await api.call("GET", `/api/v1/events/${then.position}`)).body["at"] as string
    await new Promise((resolve) => setTimeout(resolve, 5))
    await create("b.internal")
    await api.call("DELETE", "/api/v1/proxy/targets/a.internal", undefined, {}, alice)
    for (const to of [String(then.position), at]) {
      const { body } = await api.call("GET", `/api/v1/log/replay?kind=proxy&to=${to}`)
      conforming("replayLog", body)
      expect(body["digest"]).toEqual(then)
      expect(body["objects"]).toMatchObject([{ kind: "proxy", id: "a.internal", version: 3 }])
    }
    const { body } = await api.call("GET", `/api/v1/log/diff?from=${then.position}`)
    conforming("compareLog", body)
    expect(body["changes"]).toMatchObject([
      { kind: "proxy", id: "a.internal", change: "deleted" },
      { kind: "proxy", id: "b.internal", change: "created" },
    ])
  })

  test("beyond the end of the log, and of no position at all, is refused", async () => {
    expect((await api.call("GET", "/api/v1/log/replay?to=999")).status).toBe(404)
    for (const to of ["", "-1", "yesterday", "1e3", "9".repeat(16)])
      expect((await api.call("GET", `/api/v1/log/replay?to=${to}`)).status, to).toBe(422)
    expect((await api.call("GET", "/api/v1/log/replay?to=0")).body["objects"]).toEqual([])
    expect((await api.call("GET", "/api/v1/log/replay?to=2000-01-01T00:00:00Z")).body["objects"]).toEqual([])
  })
})
