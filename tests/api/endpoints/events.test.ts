import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
  await create("a.internal", alice)
  await create("b.internal", bob)
})
afterAll(() => api.stop())

const base = "/api/v1/events"
type Events = {
  events: { position: number; type: string; aggregate: string; actor: string; command_id: string; at: string }[]
  pagination: { total: number }
  searched: object
}
const list = async (query = "", token?: string) => {
  const { body } = await api.call<Events>("GET", `${base}${query}`, undefined, {}, token)
  conforming("listEvents", body)
  return body
}
const create = (hostname: string, token: string) =>
  api.call(
    "POST",
    "/api/v1/proxy/targets",
    { hostname, target_url: "http://93.184.216.34", enable_https: false, custom_headers: { "X-Key": hostname } },
    {},
    token,
  )

describe("events", () => {
  test("are all there for an administrator, newest first, without a gap", async () => {
    const { position } = await api.store.head()
    const { events, pagination } = await list("?per_page=100")
    expect(events.map((event) => event.position)).toEqual(
      Array.from({ length: position }, (_, index) => position - index),
    )
    expect(pagination.total).toBe(position)
    const pages = [
      await list("?per_page=2&page=1&order=asc"),
      await list("?per_page=2&page=2&order=asc"),
      await list("?per_page=2&page=1"),
    ]
    expect(pages.map((page) => page.events.map((event) => event.position))).toEqual([
      [1, 2],
      [3, 4],
      [position, position - 1],
    ])
    expect((await list("?page=1000")).events).toEqual([])
  })

  test("can be narrowed down", async () => {
    const { events } = await list("?order=asc&per_page=100")
    const created = events.find(({ aggregate }) => aggregate === "proxy/a.internal")!
    const positions = async (query: string) => (await list(query)).events.map((event) => event.position)
    expect(await positions("?aggregate=proxy/a.internal")).toEqual([created.position])
    expect(await positions("?aggregate=proxy&order=asc")).toEqual([created.position, created.position + 1])
    expect(await positions(`?command_id=${created.command_id}`)).toEqual([created.position])
    expect(await positions("?type=ProxyCreated&actor=bob")).toEqual([created.position + 1])
    expect(await positions(`?from=2&to=3&order=asc`)).toEqual([2, 3])
    expect(await positions(`?from=3&to=2`)).toEqual([])
    const later = events.at(-1)!
    const since = await positions(`?since=${later.at}&order=asc`)
    expect([since.includes(later.position), since.includes(1)]).toEqual([true, false])
    expect(await positions(`?until=${events[0]!.at}`)).toEqual([1])
    expect((await list("?type=ProxyCreated&from=2")).searched).toEqual({
      from: 2,
      to: (await api.store.head()).position,
    })
    for (const bad of ["?from=0", "?from=x", "?since=yesterday", "?sort_by=type"])
      expect((await api.call("GET", `${base}${bad}`)).status, bad).toBe(422)
  })

  test("are shown to an owner only where they are about own objects", async () => {
    const aggregates = async (token: string) =>
      [...new Set((await list("?per_page=100", token)).events.map(({ aggregate }) => aggregate))].sort()
    expect(await aggregates(alice)).toEqual(["api-token/alice", "proxy/a.internal"])
    expect(await aggregates(bob)).toEqual(["api-token/bob", "proxy/b.internal"])
    const { events } = await list("?per_page=100", alice)
    expect(events.every((event) => !("ip" in event))).toBe(true)
  })

  test("of an earlier owner of the same name are not shown to the next", async () => {
    await create("passed-on.internal", alice)
    await api.call("DELETE", "/api/v1/proxy/targets/passed-on.internal", undefined, {}, alice)
    await create("passed-on.internal", bob)
    const { events } = await list("?aggregate=proxy/passed-on.internal", bob)
    expect(events.map(({ actor }) => actor)).toEqual(["bob"])
  })

  test("are shown one by one, under the same rule", async () => {
    const [mine] = (await list("?aggregate=proxy/a.internal", alice)).events
    const { status, body } = await api.call("GET", `${base}/${mine!.position}`, undefined, {}, alice)
    conforming("getEvent", body)
    expect([status, body]).toEqual([200, mine])
    expect((await api.call("GET", `${base}/${mine!.position}`, undefined, {}, bob)).body["code"]).toBe("not_owner")
    expect((await api.call("GET", `${base}/999999`)).status).toBe(404)
    expect((await api.call("GET", `${base}/0`)).status).toBe(404)
    expect((await api.call("GET", `${base}/x`)).status).toBe(404)
    expect((await api.call("GET", `${base}/1`)).body).toMatchObject({
      position: 1,
      aggregate: "api-token/admin",
      actor: "system:test",
    })
  })
})
