import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

let api: RunningApi
let alice: string
let bob: string
beforeAll(async () => {
  api = await runningApi()
  alice = await api.token("alice")
  bob = await api.token("bob")
  for (const [hostname, token] of [
    ["a.example.com", alice],
    ["b.example.com", bob],
  ] as const)
    await api.call(
      "POST",
      "/api/v1/proxy/targets",
      { hostname, target_url: "http://93.184.216.34", enable_https: false },
      {},
      token,
    )
})
afterAll(() => api.stop())

const base = "/api/v1/routes"
const route = { path_pattern: "/api", target_type: "url", target_value: "93.184.216.34:3000" }
const create = (extra: object = {}, token: string | null = alice, headers = {}) =>
  api.call("POST", base, { ...route, ...extra }, headers, token)
const ids = (body: Record<string, unknown>) =>
  (body["routes"] as { route_id: string }[]).map(({ route_id }) => route_id)

describe("creating a route", () => {
  test("makes an id from the path, and answers the same to the same key", async () => {
    const first = await create({ path_pattern: "/My/Files" }, alice, { "idempotency-key": "once" })
    conforming("createRoute", first.body)
    const { route_id } = first.body as { route_id: string }
    expect(route_id).toMatch(/^my-files-[0-9a-f]{8}$/)
    expect([first.status, first.headers.get("location")]).toEqual([201, `${base}/${route_id}`])
    expect(first.headers.get("etag")).toBe(`"${first.headers.get("x-event-position")}"`)
    expect(first.body).toMatchObject({
      owner: "alice",
      scope: "owner",
      priority: 50,
      methods: null,
      target_value: "http://93.184.216.34:3000",
    })
    const again = await create({ path_pattern: "/My/Files" }, alice, { "idempotency-key": "once" })
    expect(again.body).toEqual(first.body)
  })

  test.each([
    ["a global route by an owner", { scope: "global" }, 403, "global_admin_only"],
    ["another's proxy", { proxy_hostnames: ["b.example.com"] }, 403, "not_owner"],
    ["a port by an owner", { target_type: "port", target_value: 3000 }, 403, "admin_required"],
    ["another owner", { owner: "bob" }, 403, "admin_required"],
    ["a look-ahead", { path_pattern: "/(?=x)", is_regex: true }, 422, "unsupported_regex"],
    ["a private address", { target_value: "http://10.1.1.1" }, 422, "forbidden_target"],
    ["a reserved id", { route_id: "formatted" }, 422, "reserved_name"],
    ["an id of the setup", { route_id: "oauth-x" }, 422, "reserved_name"],
    ["an unknown instance", { target_type: "instance", target_value: "none" }, 422, "validation_failed"],
    ["a path with dots", { path_pattern: "/a/.." }, 422, "validation_failed"],
    ["a priority", { priority: "high" }, 422, "validation_failed"],
    ["an unknown field", { colour: "red" }, 422, "validation_failed"],
  ])("is refused for %s", async (_, extra, status, code) => {
    const answer = await create(extra)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })

  test("is refused for a duplicate, naming it", async () => {
    await create({ route_id: "dup", path_pattern: "/dup" })
    const answer = await create({ path_pattern: "/dup/" })
    expect([answer.status, answer.body["code"], answer.body["references"]]).toEqual([409, "already_exists", ["dup"]])
  })
})

describe("showing routes", () => {
  beforeAll(async () => {
    await create({ route_id: "global", path_pattern: "/global" }, api.adminToken)
    await create({ route_id: "bobs", path_pattern: "/bobs", priority: 900 }, bob)
    await create({ route_id: "alices", path_pattern: "/alices", priority: 800, enabled: false })
  })

  test("lists own and global ones in match order, disabled ones too", async () => {
    const { status, body } = await api.call("GET", base, undefined, {}, alice)
    conforming("listRoutes", body)
    expect(status).toBe(200)
    expect(ids(body)[0]).toBe("alices")
    expect(ids(body)).toContain("global")
    expect(ids(body)).not.toContain("bobs")
    expect(ids((await api.call("GET", `${base}?per_page=2`)).body)).toEqual(["bobs", "alices"])
    expect(ids((await api.call("GET", `${base}?sort_by=route_id&per_page=1`, undefined, {}, alice)).body)).toEqual([
      "alices",
    ])
  })

  test.each([
    ["enabled=false", ["alices"]],
    ["scope=global", ["global"]],
    ["target_type=port", []],
  ])("filters by %s", async (query, expected) => {
    expect(ids((await api.call("GET", `${base}?${query}`, undefined, {}, alice)).body)).toEqual(expected)
  })

  test("as text", async () => {
    const text = await api.call("GET", `${base}/formatted?format=csv`, undefined, {}, alice)
    expect(text.headers.get("content-type")).toBe("text/csv; charset=utf-8")
    expect(text.body).toContain("/alices")
    expect((await api.call("GET", `${base}/formatted`, undefined, {}, alice)).body).toMatch(/ROUTE_ID.*PATH_PATTERN/)
  })

  test("shows one to its owner, and a global one to everybody", async () => {
    const shown = await api.call("GET", `${base}/global`, undefined, {}, bob)
    conforming("getRoute", shown.body)
    expect(shown.body["owner"]).toBe("ADMIN")
    const etag = shown.headers.get("etag")!
    expect((await api.call("GET", `${base}/global`, undefined, { "if-none-match": etag }, bob)).status).toBe(304)
    expect((await api.call("GET", `${base}/bobs`, undefined, {}, alice)).body["code"]).toBe("not_owner")
    expect((await api.call("GET", `${base}/none`, undefined, {}, alice)).status).toBe(404)
    expect((await api.call("GET", base, undefined, {}, null)).status).toBe(401)
  })
})

describe("changing a route", () => {
  test("updates what is given, under its version", async () => {
    const made = await create({ route_id: "change", path_pattern: "/change" })
    const etag = made.headers.get("etag")!
    const put = (body: object, headers = {}, token = alice) => api.call("PUT", `${base}/change`, body, headers, token)
    const changed = await put({ methods: ["get", "post"], priority: 70 }, { "if-match": etag })
    conforming("updateRoute", changed.body)
    expect(changed.body).toMatchObject({ methods: ["GET", "POST"], priority: 70, path_pattern: "/change" })
    expect((await put({ priority: 71 }, { "if-match": etag })).status).toBe(412)
    expect((await put({ route_id: "other" })).body).toMatchObject({
      code: "validation_failed",
      errors: [{ path: "route_id" }],
    })
    expect((await put({ priority: 1 }, {}, bob)).body["code"]).toBe("not_owner")
    const position = changed.headers.get("x-event-position")
    expect((await put({ priority: 70 })).headers.get("etag")).toBe(`"${position}"`)
  })

  test.each(["PUT", "POST"])("switches it off and on by %s, as often as one likes", async (method) => {
    const route_id = `switch-${method.toLowerCase()}`
    await create({ route_id, path_pattern: `/${route_id}` })
    for (const [verb, enabled] of [
      ["disable", false],
      ["disable", false],
      ["enable", true],
    ] as const) {
      const { status, body } = await api.call(method, `${base}/${route_id}/${verb}`, undefined, {}, alice)
      conforming("enableRoute", body)
      expect([status, body["enabled"]]).toEqual([200, enabled])
    }
    expect((await api.call(method, `${base}/${route_id}/disable`, undefined, {}, bob)).status).toBe(403)
  })

  test("deletes it with nothing to say", async () => {
    await create({ route_id: "gone", path_pattern: "/gone" })
    expect((await api.call("DELETE", `${base}/gone`, undefined, {}, bob)).body["code"]).toBe("not_owner")
    const deleted = await api.call("DELETE", `${base}/gone`, undefined, {}, alice)
    expect([deleted.status, deleted.body, deleted.headers.get("content-type")]).toEqual([204, "", null])
    expect(deleted.headers.get("x-event-position")).toMatch(/^\d+$/)
    expect((await api.call("DELETE", `${base}/gone`, undefined, {}, alice)).status).toBe(404)
  })
})

describe("the routes of a proxy", () => {
  const one = "/api/v1/proxy/targets/a.example.com"
  const call = (method: string, path: string, body?: object, token = alice, headers = {}) =>
    api.call(method, `${one}/routes${path}`, body, headers, token)
  const applicable = (body: Record<string, unknown>) =>
    (body["applicable_routes"] as { route_id: string }[]).map(({ route_id }) => route_id)

  test("are shown with those that apply, in match order", async () => {
    await create({ route_id: "first", path_pattern: "/first", priority: 999, proxy_hostnames: ["a.example.com"] })
    const { status, body } = await call("GET", "")
    conforming("getProxyRoutes", body)
    expect([status, body["route_mode"]]).toEqual([200, "all"])
    expect(applicable(body)[0]).toBe("first")
    expect(applicable(body)).toContain("global")
    expect(applicable(body)).not.toContain("alices")
    expect((await call("GET", "", undefined, bob)).body["code"]).toBe("not_owner")
  })

  test("are set as a whole, and switched one by one", async () => {
    const set = await call("PUT", "", { route_mode: "selective", enabled_routes: ["global"] })
    conforming("setProxyRoutes", set.body)
    expect(applicable(set.body)).toEqual(["first", "global"])
    const off = await call("POST", "/global/disable")
    conforming("disableProxyRoute", off.body)
    expect([off.body["enabled_routes"], applicable(off.body)]).toEqual([[], ["first"]])
    expect((await call("POST", "/global/enable")).body["enabled_routes"]).toEqual(["global"])
    expect((await api.call("GET", one, undefined, {}, alice)).body).toMatchObject({
      route_mode: "selective",
      enabled_routes: ["global"],
    })
    expect((await call("PUT", "", { route_mode: "all" }, alice, { "if-match": '"1"' })).status).toBe(412)
  })

  test.each([
    [{ route_mode: "sometimes" }, 422, "validation_failed"],
    [{}, 422, "validation_failed"],
    [{ route_mode: "all", disabled_routes: ["none"] }, 422, "validation_failed"],
    [{ route_mode: "all", enabled_routes: ["global"], disabled_routes: ["global"] }, 422, "validation_failed"],
  ])("refuse %j", async (body, status, code) => {
    const answer = await call("PUT", "", body)
    expect([answer.status, answer.body["code"]]).toEqual([status, code])
  })

  test("cannot be switched while none applies, nor when they are none", async () => {
    expect((await call("POST", "/none/enable")).status).toBe(404)
    await call("PUT", "", { route_mode: "none" })
    const answer = await call("POST", "/global/enable")
    expect([answer.status, answer.body["code"]]).toEqual([409, "invalid_state"])
  })

  test("go with the proxy, and their names with the answer", async () => {
    const made = await api.call("DELETE", one, undefined, {}, alice)
    conforming("deleteProxy", made.body)
    expect(made.body["removed"]).toEqual({ routes: ["first"], resources: [] })
    expect((await api.call("GET", `${base}/first`, undefined, {}, alice)).status).toBe(404)
  })
})
