import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { endpoints } from "../../../src/api/endpoint-table.ts"
import { populate } from "../generated/population.ts"

let api: RunningApi
let alice: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  await populate(api, alice, await api.token("bob"))
})
afterAll(() => api.stop())

interface Page {
  readonly pagination: { total: number; page: number; per_page: number; pages: number }
  readonly [collection: string]: unknown
}

const params: Readonly<Record<string, string>> = { name: "alice", hostname: "alice.internal", client_id: "none" }
const lists = endpoints
  .filter(
    ({ method, query, path }) => method === "GET" && "per_page" in (query?.shape ?? {}) && !path.endsWith("/formatted"),
  )
  .map(({ operationId, path }) => [operationId, path] as const)

/** What they need besides. */
const needed: Readonly<Record<string, string>> = {
  getHistory: "kind=proxy&name=alice.internal&",
  replayLog: "to=5&",
  compareLog: "from=5&",
}
/** No client of that id. */
const empty = /^listOAuthClientTokens$/

describe("every list", () => {
  test.each(lists.filter(([operationId]) => !empty.test(operationId)))(
    "%s has pages, and none is past the end",
    async (operationId, path) => {
      const url = `${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name]!)}?${needed[operationId] ?? ""}`
      const whole = await api.call<Page>("GET", url)
      expect(whole.status, JSON.stringify(whole.body)).toBe(200)
      const { pagination, ...rest } = whole.body
      const [collection] = Object.entries(rest).find(([, value]) => Array.isArray(value)) ?? []
      expect(pagination).toEqual({
        total: expect.any(Number),
        page: 1,
        per_page: 20,
        pages: Math.ceil(pagination.total / 20),
      })
      const items = whole.body[collection!] as unknown[]
      expect(items).toHaveLength(Math.min(20, pagination.total))
      const one = (await api.call<Page>("GET", `${url}per_page=1`)).body
      expect(one[collection!]).toHaveLength(Math.min(1, pagination.total))
      const past = await api.call<Page>("GET", `${url}page=1000&per_page=100`)
      expect([past.status, past.body[collection!]]).toEqual([200, []])
      for (const wrong of [
        "page=0",
        "page=x",
        "per_page=0",
        "per_page=101",
        "order=up",
        "sort_by=nothing",
        "color=red",
      ]) {
        const { status, body } = await api.call("GET", `${url}${wrong}`)
        expect([wrong, status, body["code"]]).toEqual([wrong, 422, "validation_failed"])
      }
    },
  )

  test("comes by name, and what has a time latest first", async () => {
    const order = async (path: string, collection: string, field: string) => {
      const { body } = await api.call<Page>("GET", `/api/v1/${path}`)
      return (body[collection] as Record<string, string | number>[]).map((item) => item[field]!)
    }
    const sorted = (values: (string | number)[]) => [...values].sort((a, b) => (a < b ? -1 : 1))
    for (const [path, collection, field] of [
      ["certificates", "certificates", "cert_name"],
      ["proxy/targets", "targets", "hostname"],
      ["instances", "instances", "name"],
      ["services", "services", "service_name"],
      ["resources", "resources", "uri"],
    ] as const) {
      const names = await order(path, collection, field)
      expect(names.length, path).toBeGreaterThan(1)
      expect(names, path).toEqual(sorted(names))
    }
    const times = await order("tokens", "tokens", "created_at")
    expect(times).toEqual(sorted(times).reverse())
    const positions = await order("events", "events", "position")
    expect(positions).toEqual(sorted(positions).reverse())
    expect((await api.call<{ total: number }>("GET", "/api/v1/services")).body.total).toBe(2)
  })

  test("shows an owner what is its own, and an administrator all", async () => {
    for (const [path, collection] of [
      ["certificates", "certificates"],
      ["proxy/targets", "targets"],
      ["instances", "instances"],
      ["services", "services"],
      ["resources", "resources"],
    ] as const) {
      const owners = async (token?: string) =>
        (
          (await api.call<Page>("GET", `/api/v1/${path}`, undefined, {}, token)).body[collection] as { owner: string }[]
        ).map(({ owner }) => owner)
      expect(new Set(await owners(alice)), path).toEqual(new Set(["alice"]))
      expect(new Set(await owners()), path).toEqual(new Set(["alice", "bob"]))
    }
    const pending = async (status: string) =>
      ((await api.call<Page>("GET", `/api/v1/services?status=${status}`)).body["services"] as object[]).length
    expect([await pending("pending"), await pending("running")]).toEqual([2, 0])
    const query = "?owned_only=true"
    expect((await api.call<Page>("GET", `/api/v1/services${query}`)).body["services"]).toEqual([])
    expect(
      (await api.call<Page>("GET", `/api/v1/services${query}`, undefined, {}, alice)).body["services"],
    ).toHaveLength(1)
  })
})

test("proxies are found by part of their host name or of their target", async () => {
  const found = async (query: string) =>
    ((await api.call<Page>("GET", `/api/v1/proxy/targets?${query}`)).body["targets"] as { hostname: string }[]).map(
      ({ hostname }) => hostname,
    )
  expect(await found("search=ALICE.int")).toEqual(["alice.internal"])
  expect(await found("search=/alices")).toEqual(["alice.internal"])
  expect(await found("search=93.184")).toEqual(["alice.internal", "bob.internal"])
  expect(await found("search=93.184&owner=Bob")).toEqual(["bob.internal"])
  expect(await found("enabled=false")).toEqual([])
})

describe("the same rows as text", () => {
  test.each([
    ["tokens", "NAME", "name,"],
    ["proxy/targets", "HOSTNAME", "hostname,"],
    ["routes", "ROUTE_ID", "route_id,"],
  ])("of %s are a table, JSON or CSV", async (path, column, first) => {
    const get = (query = "") => api.call<unknown>("GET", `/api/v1/${path}/formatted${query}`)
    const table = await get()
    expect([table.status, table.headers.get("content-type")]).toEqual([200, expect.stringMatching(/^text\/plain/)])
    expect(String(table.body).split("\n")[0]).toContain(column)
    expect((await get("?format=table")).body).toBe(table.body)
    const csv = await get("?format=csv")
    expect(csv.headers.get("content-type")).toMatch(/^text\/csv/)
    expect(String(csv.body)).toContain(first)
    const listed = (await api.call<Page>("GET", `/api/v1/${path}`)).body
    expect((await get("?format=json")).body).toEqual(listed)
    expect((await get("?format=yaml")).status).toBe(422)
    expect((await get("?page=9")).status).toBe(200)
  })
})
