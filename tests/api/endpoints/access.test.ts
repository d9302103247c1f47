import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { accessLogOf, request } from "./access-log.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { AccessRequest } from "../../../src/api/access-requests.ts"
import { Redis } from "ioredis"
import { eventually } from "../../support/gatehouse.ts"
import { subscriber } from "../subscribers/subscriber.ts"
import { keys } from "../../../src/platform/redis-keys.ts"
import { until } from "../../support/until.ts"

let api: RunningApi
let alice: string
let bob: string
let log: ReturnType<typeof accessLogOf>
const hour = 3_600_000

beforeAll(async () => {
  api = await runningApi({ env: { EVENT_STREAMS_PER_TOKEN: "2" } })
  alice = await api.token("alice")
  bob = await api.token("bob")
  await create("a.internal", alice)
  await create("b.internal", bob)
  log = accessLogOf(api)
  await log.write([
    request({ path: "/old", at: Date.now() - hour }),
    request({ path: "/lost", status: 502, reason: "upstream_unreachable" }),
    request({
      path: "/b",
      host: "b.internal",
      proxy: "b.internal",
      method: "POST",
      status: 201,
      client: "2001:db8::1",
    }),
  ])
  await log.write([
    request({
      path: "/mcp",
      status: 403,
      subject: "u1",
      client_id: "c1",
      mcp: { method: "tools/call", name: "t", rule: "2" },
    }),
    request({ path: "", host: "", method: "", status: 400, proxy: null, reason: "bad_request" }),
    request({ path: "/gone", status: 0, reason: "client_closed" }),
  ])
})
afterAll(async () => {
  log.close()
  await api.stop()
})

const create = (hostname: string, token: string) =>
  api.call(
    "POST",
    "/api/v1/proxy/targets",
    { hostname, target_url: "http://93.184.216.34", enable_https: false },
    {},
    token,
  )

interface Listed {
  readonly requests: readonly AccessRequest[]
  readonly pagination: { readonly total: number; readonly pages: number }
  readonly searched: { readonly from: number; readonly to: number }
}
const list = async (query = "", token?: string) => {
  const { status, body } = await api.call<Listed>("GET", `/api/v1/access${query}`, undefined, {}, token)
  expect([status, conforming("listAccess", body)]).toEqual([200, body])
  return body
}
const paths = async (query = "", token?: string) => (await list(query, token)).requests.map(({ path }) => path)

test("An administrator sees every request, newest first, page by page", async () => {
  const all = await list()
  expect(all.requests.map(({ number, path }) => `${number} ${path}`)).toEqual([
    "6 /gone",
    "5 ",
    "4 /mcp",
    "3 /b",
    "2 /lost",
    "1 /old",
  ])
  expect(all.requests[2]).toMatchObject({
    ...{ client: "203.0.113.9", host: "a.internal", method: "GET", status: 403, bytes: 2, duration_ms: 1.5 },
    ...{ subject: "u1", client_id: "c1", mcp: { method: "tools/call", name: "t", rule: "2" }, reason: null },
  })
  expect(await list("?per_page=2&page=2")).toMatchObject({
    requests: [{ number: 4 }, { number: 3 }],
    pagination: { total: 6, page: 2, per_page: 2, pages: 3 },
    searched: { from: 1, to: 6 },
  })
  expect(await paths("?order=asc&per_page=2&page=3")).toEqual(["", "/gone"])
  expect(await paths("?page=9")).toEqual([])
  expect(await paths("?from=2&to=3")).toEqual(["/b", "/lost"])
  expect(await paths("?from=7")).toEqual([])
})

test.each([
  ["status=5xx", ["/lost"]],
  ["status=403", ["/mcp"]],
  ["status=0", ["/gone"]],
  ["proxy=B.internal", ["/b"]],
  ["host=b.internal&method=post", ["/b"]],
  ["client=2001:db8::1", ["/b"]],
  ["path=/o", ["/old"]],
  ["subject=u1&client_id=c1", ["/mcp"]],
  ["reason=bad_request", [""]],
  ["proxy=b.internal&status=5xx", []],
])("%s finds %j", async (query, expected) => {
  expect(await paths(`?${query}`)).toEqual(expected)
})

test("A time finds what began since and until then", async () => {
  const then = encodeURIComponent(new Date(Date.now() - hour / 2).toISOString())
  expect(await paths(`?until=${then}`)).toEqual(["/old"])
  expect(await paths(`?since=${then}&proxy=a.internal&order=asc`)).toEqual(["/lost", "/mcp", "/gone"])
})

test("An owner sees requests of its own proxies alone, and none from before they existed", async () => {
  expect(await paths("", bob)).toEqual(["/b"])
  expect(await paths("?host=a.internal", bob)).toEqual([])
  expect(await paths("", alice)).toEqual(["/gone", "/mcp", "/lost"])
  expect((await list("?per_page=1", alice)).pagination).toMatchObject({ total: 3, pages: 3 })
  const carol = await api.token("carol")
  expect(await list("", carol)).toMatchObject({ requests: [], pagination: { total: 0 } })
})

test("A host that has another owner now shows nothing of what the one before served", async () => {
  await create("reused.internal", bob)
  await log.write([request({ path: "/of-bob", host: "reused.internal", proxy: "reused.internal" })])
  expect(await paths("?proxy=reused.internal", bob)).toEqual(["/of-bob"])
  await api.call("DELETE", "/api/v1/proxy/targets/reused.internal?force=true", undefined, {}, bob)
  await create("reused.internal", alice)
  expect(await paths("?proxy=reused.internal", bob)).toEqual([])
  expect(await paths("?proxy=reused.internal", alice)).toEqual([])
  expect(await paths("?proxy=reused.internal")).toEqual(["/of-bob"])
})

test.each([
  "status=6xx",
  "status=99",
  "since=yesterday",
  "per_page=101",
  "from=0",
  "from=x",
  "unknown=1",
  "status=200&status=404",
])("%s is refused", async (query) => {
  const refused = await api.call("GET", `/api/v1/access?${query}`)
  expect([refused.status, refused.body["code"]]).toEqual([422, "validation_failed"])
})

test("Nobody without a token reads it", async () => {
  expect((await api.call("GET", "/api/v1/access", undefined, {}, null)).status).toBe(401)
  expect((await api.call("GET", "/api/v1/access/stream", undefined, {}, null)).status).toBe(401)
})

test("It is also a table, and CSV in which nothing starts like a formula", async () => {
  await log.write([request({ path: "/\u001b[2J", subject: "=1+1" })])
  const get = (format: string) => api.call<string>("GET", `/api/v1/access/formatted?per_page=1&format=${format}`)
  expect((await get("table")).body).toMatch(/^NUMBER +AT +CLIENT .*\n8 .*\/\?\[2J .*\n$/)
  expect((await get("csv")).body).toMatch(/^number,at,.*\r\n8,.*,'=1\+1,.*\r\n$/)
})

test("A search looks at so many requests and says where to go on", async () => {
  const head = (await list("?per_page=1")).requests[0]!.number
  const many = Array.from({ length: 500 }, () => request({ path: "/many" }))
  for (let batch = 0; batch < 41; batch += 1) await log.write(many)
  const newest = head + 41 * 500
  expect(await list("?status=5xx")).toMatchObject({
    requests: [],
    searched: { from: newest - 19_999, to: newest },
  })
  expect(await paths(`?status=5xx&to=${newest - 20_000}`)).toEqual(["/lost"])
  expect(await list("?status=5xx&order=asc")).toMatchObject({
    requests: [{ path: "/lost" }],
    searched: { from: 1, to: 20_000 },
  })
  expect((await list("?path=/many&per_page=1&page=20000")).requests[0]!.number).toBe(newest - 19_999)
})

const url = (query = "") => `http://127.0.0.1:${api.port}/api/v1/access/stream${query}`
const followed = (of: Awaited<ReturnType<typeof subscriber>>) =>
  of.received.map(({ event }) => (event as unknown as AccessRequest).path)

test("A follower gets what ends from now on, or goes on where it was; an owner its own alone", async () => {
  const open = [await subscriber(url(), api.adminToken), await subscriber(url("?status=2xx"), alice)]
  await until(() => open.every(({ lastId }) => lastId !== ""))
  await log.write([
    request({ path: "/now" }),
    request({ path: "/not", status: 404 }),
    request({ path: "/others", proxy: "b.internal" }),
  ])
  await until(() => open[0]!.received.length === 3 && open[1]!.received.length === 1)
  expect(open.map(followed)).toEqual([["/now", "/not", "/others"], ["/now"]])
  const { id } = open[0]!.received[0]!
  await Promise.all(open.map((one) => one.leave()))
  const again = await subscriber(url("?from=1"), api.adminToken, { "last-event-id": id })
  await until(() => again.received.length === 2)
  expect(followed(again)).toEqual(["/not", "/others"])
  await again.leave()
})

test("A token follows in so many places; each is free again when its reader went, and ends with the token", async () => {
  await eventually("nobody follows", () => Promise.resolve(api.subscriptions.count === 0))
  const dora = await api.token("dora")
  for (let round = 0; round < 3; round += 1)
    expect((await fetch(url(), { method: "HEAD", headers: { authorization: `Bearer ${dora}` } })).status).toBe(200)
  const both = [await subscriber(url("?from=1"), dora), await subscriber(url(), dora)]
  expect([both.map(({ status }) => status), (await subscriber(url(), dora)).status]).toEqual([[200, 200], 429])
  await both[0]!.leave()
  await eventually("a place is free", () => Promise.resolve(api.subscriptions.count === 1))
  const third = await subscriber(url(), dora)
  await api.call("DELETE", "/api/v1/tokens/dora")
  await Promise.all([both[1]!.ended, third.ended])
  expect(api.subscriptions.count).toBe(0)
  expect((await subscriber(url(), dora)).status).toBe(401)
})

test("A follower whose count begins anew sees what comes then", async () => {
  const open = await subscriber(url(), api.adminToken)
  await until(() => open.lastId !== "")
  const redis = new Redis(api.redis.url)
  await redis.del(keys.access, keys.accessTotal)
  await log.write([request({ path: "/anew" })])
  await until(() => open.received.length === 1)
  expect([followed(open), open.lastId]).toEqual([["/anew"], "1"])
  redis.disconnect()
  await open.leave()
})
