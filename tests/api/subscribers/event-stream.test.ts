import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Message, subscriber } from "./subscriber.ts"
import { eventually } from "../../support/gatehouse.ts"
import { until } from "../../support/until.ts"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi({ env: { EVENT_STREAMS_PER_TOKEN: "3", EVENT_STREAM_STALL: "1" } })
  alice = await api.token("alice")
  bob = await api.token("bob")
})
afterAll(() => api.stop())

const stream = (query = "", token = api.adminToken, headers: Record<string, string> = {}) =>
  subscriber(`http://127.0.0.1:${api.port}/api/v1/events/stream${query}`, token, headers)
const create = (hostname: string, token: string) =>
  api.call(
    "POST",
    "/api/v1/proxy/targets",
    { hostname, target_url: "http://93.184.216.34", enable_https: false },
    {},
    token,
  )
const head = () => api.projections.world.position
const positions = (messages: readonly Message[]) => messages.map(({ event }) => event.position)
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

test("An administrator gets the whole log and then what happens, once each and in order", async () => {
  const events = await stream("?from=1")
  await until(() => events.received.length >= head())
  await create("live.internal", alice)
  await until(() => events.received.length >= head())
  expect(positions(events.received)).toEqual(from(1, head()))
  expect(events.received.at(-1)).toMatchObject({ id: String(head()), event: { type: "ProxyCreated", actor: "alice" } })
  await events.leave()
})

test("Without a position a subscription begins now, says where, and gives signs of life with the position", async () => {
  const events = await stream()
  const begun = head()
  await until(() => events.lastId === String(begun))
  expect(events.received).toEqual([])
  await create("begun.internal", alice)
  await until(() => events.received.length === 1)
  expect(positions(events.received)).toEqual([begun + 1])
  const filtered = await stream("?type=TokenDeleted")
  await create("begun2.internal", alice)
  await until(() => filtered.lastId === String(head()))
  expect(filtered.received).toEqual([])
  await Promise.all([events.leave(), filtered.leave()])
})

test("Last-Event-ID resumes behind what was seen, whatever the address says", async () => {
  const events = await stream("?from=1", api.adminToken, { "last-event-id": "2" })
  await until(() => events.received.length >= head() - 2)
  expect(positions(events.received)[0]).toBe(3)
  await events.leave()
  const all = await stream("", api.adminToken, { "last-event-id": "0" })
  await until(() => all.received.length > 0)
  expect(positions(all.received)[0]).toBe(1)
  await all.leave()
})

test("Filters narrow it down, several values between commas", async () => {
  const of = async (query: string) => {
    const events = await stream(`?from=1&${query}`)
    await until(() => events.lastId === String(head()))
    await events.leave()
    return events.received.map(({ event }) => `${event.type} ${event.aggregate}`)
  }
  expect(await of("type=TokenCreated")).toEqual([
    "TokenCreated api-token/admin",
    "TokenCreated api-token/alice",
    "TokenCreated api-token/bob",
  ])
  expect(await of("aggregate=api-token/bob,proxy/live.internal")).toEqual([
    "TokenCreated api-token/bob",
    "ProxyCreated proxy/live.internal",
  ])
  expect(await of("name=live.internal&aggregate=proxy")).toEqual(["ProxyCreated proxy/live.internal"])
  expect(await of("actor=system:test")).toEqual(["TokenCreated api-token/admin"])
  const [event] = (await api.call<{ events: { command_id: string }[] }>("GET", "/api/v1/events?type=ProxyCreated")).body
    .events
  expect(await of(`command_id=${event!.command_id}`)).toHaveLength(1)
})

test("An owner gets what was about own objects when it happened, and nothing else", async () => {
  const [his, hers] = await Promise.all([stream("?from=1", bob), stream("?from=1", alice)])
  await create("handed.internal", alice)
  await api.call("PUT", "/api/v1/proxy/targets/handed.internal", { owner: "bob" })
  await api.call("PUT", "/api/v1/proxy/targets/handed.internal", { preserve_host_header: false }, {}, bob)
  await api.call("DELETE", "/api/v1/proxy/targets/handed.internal", undefined, {}, bob)
  await until(() => his.received.some(({ event }) => event.type === "ProxyDeleted"))
  const about = (messages: readonly Message[]) =>
    messages.filter(({ event }) => event.aggregate === "proxy/handed.internal").map(({ event }) => event.type)
  expect(about(hers.received)).toEqual(["ProxyCreated", "ProxyReassigned"])
  expect(about(his.received)).toEqual(["ProxyReassigned", "ProxyUpdated", "ProxyDeleted"])
  const others = (messages: readonly Message[]) =>
    messages.filter(({ event }) => event.aggregate.startsWith("api-token/")).map(({ event }) => event.aggregate)
  expect([...new Set(others(his.received))]).toEqual(["api-token/bob"])
  expect(his.received.every(({ event }) => !("ip" in event))).toBe(true)
  await Promise.all([his.leave(), hers.leave()])
})

test("A token that is revoked loses its streams, and the next of its name sees nothing from before", async () => {
  const carol = await api.token("carol")
  const events = await stream("?from=1", carol)
  await create("carols.internal", carol)
  await until(() => events.received.some(({ event }) => event.type === "ProxyCreated"))
  expect((await api.call("DELETE", "/api/v1/tokens/carol")).status).toBe(200)
  await events.ended
  expect(events.received.some(({ event }) => event.type === "TokenDeleted")).toBe(false)
  expect((await stream("", carol)).status).toBe(401)
  const next = await stream("?from=1", await api.token("carol"))
  await until(() => next.lastId === String(head()))
  expect(next.received.map(({ event }) => event.type)).toEqual(["TokenCreated"])
  await next.leave()
})

test("A token holds so many streams open and no more; one that is closed makes room", async () => {
  const [first, ...open] = await Promise.all([stream(), stream(), stream()])
  const fourth = await stream()
  expect([fourth.status, fourth.problem["code"], fourth.headers.get("retry-after")]).toEqual([429, "rate_limited", "5"])
  expect((await stream("", bob)).status).toBe(200)
  await first.leave()
  const fifth = await eventually("there is room", async () => {
    const again = await stream()
    return again.status === 200 && again
  })
  await fifth.leave()
  await api.call("DELETE", "/api/v1/tokens/bob")
  for (const one of open) await one.leave()
})

test.each([
  ["?from=0", 422, "validation_failed"],
  ["?from=x", 422, "validation_failed"],
  ["?type=NoSuchEvent", 422, "validation_failed"],
  ["?type=", 422, "validation_failed"],
  ["?aggregate=nothing/x", 422, "validation_failed"],
  ["?token=x", 422, "validation_failed"],
  ["?from=1&from=2", 422, "validation_failed"],
  ["?from=999999999", 503, "projection_behind"],
])("%s is refused with %i %s", async (query, status, code) => {
  const refused = await stream(query, alice)
  expect([refused.status, refused.problem["code"]]).toEqual([status, code])
})

test("Without a token, with a wrong one and with a wrong Last-Event-ID it is refused", async () => {
  expect((await stream("", "acm_wrong")).status).toBe(401)
  expect((await api.call("GET", "/api/v1/events/stream", undefined, {}, null)).status).toBe(401)
  expect((await stream("", alice, { "last-event-id": "x" })).status).toBe(422)
})
