import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { commitAfter } from "../../support/records.ts"
import { commandLine } from "../../cli/running-cli.ts"
import { rewriteLog, withField } from "../../support/log-rewrite.ts"

let api: RunningApi
let read: number[]
beforeAll(async () => {
  api = await runningApi()
  await api.token("alice")
  const email = (index: number) => ({
    kind: "api-token",
    id: "alice",
    type: "TokenEmailUpdated",
    data: { cert_email: `m${index}@example.com` },
    meta: {
      actor: { name: index % 100 === 0 ? "carol" : "dave", admin: true },
      command_id: `c${index}`,
      command: "UpdateTokenEmail",
      correlation_id: "c",
      at: new Date(Date.parse("2026-06-01T00:00:00Z") + index * 1000).toISOString(),
    },
  })
  // As another decider would write them.
  for (let at = 0; at < 25_000; at += 500) {
    const events = Array.from({ length: 500 }, (_, index) => email(at + index))
    await api.store.commit(commitAfter(await api.store.head(), events))
  }
  await api.projections.reached(25_002, 20_000)
  const { read: original } = api.store
  Object.assign(api.store, {
    read: (after: number, limit: number) => {
      read.push(limit)
      return original(after, limit)
    },
  })
}, 60_000)
afterAll(() => api.stop())

interface Entries {
  entries: { position: number; actor: string; status: string }[]
  searched: { from: number; to: number }
  pagination: { total: number }
}
const get = async <T>(path: string) => {
  read = []
  const { status, body } = await api.call<T>("GET", path)
  expect(status).toBe(200)
  return body
}
const events = () => read.reduce((sum, limit) => sum + limit, 0)

test("An object's history and what an actor did are looked up: the log is read once, and then only what is asked for", async () => {
  const history = () => get<{ events: { position: number }[] }>("/api/v1/history?kind=api-token&name=ADMIN")
  expect((await history()).events.map(({ position }) => position)).toEqual([1])
  expect(events()).toBeGreaterThanOrEqual(25_002)
  expect((await history()).events.map(({ position }) => position)).toEqual([1])
  expect(events()).toBeLessThan(10)
  const carol = await get<Entries>("/api/v1/audit?actor=carol&order=asc&per_page=100")
  expect(carol).toMatchObject({ searched: { from: 1, to: 25_002 }, pagination: { total: 250 } })
  expect(carol.entries.map(({ position }) => position)).toEqual(
    Array.from({ length: 100 }, (_, index) => 3 + 100 * index),
  )
  await api.token("zoe")
  const made = await get<Entries>("/api/v1/audit?actor=ADMIN")
  expect(made.entries.map(({ position }) => position)).toEqual([25_003, 2])
  expect(events()).toBeLessThan(1500)
})

test("Of a busy actor so many are answered at once, and the rest goes on where that ended", async () => {
  const first = await get<Entries>("/api/v1/audit?actor=dave&order=asc")
  expect(first.pagination.total).toBe(500)
  const next = await get<Entries>(`/api/v1/audit?actor=dave&order=asc&from=${first.searched.to + 1}&per_page=1`)
  expect(next.entries).toMatchObject([{ position: first.searched.to + 1 }])
  const last = await get<Entries>("/api/v1/audit?actor=dave&per_page=1")
  expect(last).toMatchObject({ entries: [{ position: 25_002 }], searched: { to: 25_003 }, pagination: { total: 500 } })
  expect((await get<Entries>(`/api/v1/audit?actor=dave&to=${last.searched.from - 1}&per_page=1`)).entries).toHaveLength(
    1,
  )
  const cli = commandLine(api)
  const { entries } = (await cli(["who", "dave"])).json<Entries>()
  expect(entries).toHaveLength(24_750)
  expect(new Set(entries.map(({ position }) => position)).size).toBe(24_750)
}, 60_000)

test("Refused commands are found without reading the events", async () => {
  await api.call("POST", "/api/v1/tokens", { name: "zoe" })
  const { entries, searched } = await get<Entries>("/api/v1/audit?status=rejected")
  expect(entries).toMatchObject([{ actor: "ADMIN", status: "rejected" }])
  expect(searched).toEqual({ from: 1, to: 25_003 })
  expect(events()).toBeLessThan(10)
})

test("A log that was replaced is read anew", async () => {
  await get("/api/v1/history?kind=api-token&name=ADMIN")
  await rewriteLog(api.redis.url, (entries) =>
    entries.with(entries.length - 1, [
      entries.at(-1)![0],
      withField(
        withField(entries.at(-1)![1], "meta", (meta) => meta.replace('"name":"ADMIN"', '"name":"eve"')),
        "hash",
        () => "0".repeat(64),
      ),
    ]),
  )
  const { entries } = await get<Entries>("/api/v1/audit?actor=eve")
  expect(entries.map(({ position }) => position)).toEqual([25_003])
}, 60_000)
