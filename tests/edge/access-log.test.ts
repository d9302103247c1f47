import { type AccessRecord, accessColumns, accessLog, accessRow } from "../../src/edge/access-log.ts"
import { expect, it } from "vitest"

const record = (path: string) => ({ path }) as AccessRecord

it("hands records on in order and in batches", async () => {
  const batches: number[] = []
  const paths: string[] = []
  const log = accessLog(
    (batch) => {
      batches.push(batch.length)
      paths.push(...batch.map(({ path }) => path))
    },
    () => {},
  )
  for (let i = 0; i < 1200; i += 1) log.add(record(`/${i}`))
  await log.flush()
  expect(batches).toEqual([500, 500, 200])
  expect(paths).toEqual(Array.from({ length: 1200 }, (_, i) => `/${i}`))
})

it("can be flushed again and again, and does nothing when there is nothing", async () => {
  let calls = 0
  const log = accessLog(
    () => void (calls += 1),
    () => {},
  )
  await log.flush()
  await log.flush()
  log.add(record("/"))
  await log.flush()
  log.add(record("/"))
  await log.flush()
  expect(calls).toBe(2)
})

it("a slow sink gets one batch at a time, and what does not fit is dropped and counted", async () => {
  const gate = Promise.withResolvers<void>()
  let running = 0
  let most = 0
  const log = accessLog(
    async () => {
      running += 1
      most = Math.max(most, running)
      await gate.promise
      running -= 1
    },
    () => {},
  )
  log.add(record("/first"))
  const flushed = log.flush()
  for (let i = 0; i < 10_050; i += 1) log.add(record("/"))
  void log.flush()
  gate.resolve()
  await flushed
  expect(most).toBe(1)
  expect(log.dropped).toBe(50)
})

it("a sink that fails loses its batch and nothing else", async () => {
  const failures: number[] = []
  let fail = true
  const log = accessLog(
    () => (fail ? Promise.reject(new Error("away")) : Promise.resolve()),
    (_, records) => failures.push(records),
  )
  log.add(record("/1"))
  await log.flush()
  fail = false
  log.add(record("/2"))
  await log.flush()
  expect(failures).toEqual([1])
  expect(log.dropped).toBe(1)
})

it("a row holds what its columns name, and every property has a column", () => {
  const record: AccessRecord = {
    at: 1,
    client: "client",
    host: "host",
    method: "method",
    path: "path",
    status: 2,
    bytes: 3,
    duration_ms: 4,
    proxy: "proxy",
    subject: "subject",
    client_id: "client_id",
    grant_id: "grant_id",
    token_id: "token_id",
    reason: "reason",
    request_id: "request_id",
    mcp: { method: "m", name: null, rule: null },
  }
  expect(accessRow(record)).toEqual(accessColumns.map((column) => record[column]))
  expect(accessColumns.toSorted()).toEqual(Object.keys(record).toSorted())
})
