import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"

let api: RunningApi
beforeAll(async () => {
  api = await runningApi()
  await api.token("alice")
})
afterAll(() => api.stop())

test("a list is also a table, CSV or JSON, under the same rules", async () => {
  const get = (query: string, token?: string) =>
    api.call<string>("GET", `/api/v1/tokens/formatted${query}`, undefined, {}, token)
  const table = await get("")
  expect([table.status, table.headers.get("content-type")]).toEqual([200, "text/plain; charset=utf-8"])
  expect(table.body).toMatch(/^NAME .*\nalice .*\nADMIN .*\n$/)
  const csv = await get("?format=csv&sort_by=name&order=asc&per_page=1")
  expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8")
  expect(csv.body).toMatch(/^name,cert_email,.*\r\nADMIN,,.*\r\n$/)
  expect((await get("?format=json")).body).toEqual((await api.call("GET", "/api/v1/tokens")).body)
  expect((await get("?format=xml")).status).toBe(422)
  expect((await get("", await api.token("bob"))).status).toBe(403)
  expect((await api.call("GET", "/api/v1/proxy/targets/formatted?format=csv")).body).toBe("")
})
