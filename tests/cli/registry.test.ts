import { type RunningApi, runningApi } from "../api/running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { commandLine } from "./running-cli.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
  await api.token("alice")
  await cli(["proxy-create", "web.internal", target, "alice", "enable-https=false"])
})
afterAll(() => api.stop())

const target = "http://93.184.216.34:3000"

describe("route recipes", () => {
  test("create with everything in its place, list, show and change", async () => {
    const made = await cli([
      "route-create",
      "/api/v[12]/.*",
      "url",
      target,
      "alice",
      "70",
      "get,POST",
      "is-regex",
      "the API",
    ])
    const route = made.json<{ route_id: string }>()
    expect(route).toMatchObject({
      path_pattern: "/api/v[12]/.*",
      priority: 70,
      methods: ["GET", "POST"],
      is_regex: true,
      description: "the API",
      owner: "alice",
    })
    const plain = await cli(["route-create", "/plain", "port", "3000", "ADMIN"])
    expect(plain.json()).toMatchObject({ scope: "global", target_value: "3000", priority: 50, methods: null })
    const listed = (await cli(["route-list"])).json<{ routes: { route_id: string }[] }>().routes
    expect(listed.map(({ route_id }) => route_id)[0]).toBe(route.route_id)
    expect((await cli(["route-list"], { tty: true })).out).toMatch(/^ROUTE_ID .*PATH_PATTERN/)
    const changed = await cli([
      "route-update",
      route.route_id,
      "alice",
      "priority=80",
      "methods=*",
      "proxy_hostnames=web.internal",
      "scope=proxy",
    ])
    expect(changed.json()).toMatchObject({
      priority: 80,
      methods: null,
      scope: "proxy",
      proxy_hostnames: ["web.internal"],
    })
    await cli(["route-disable", route.route_id, "alice"])
    expect((await cli(["route-show", route.route_id])).json()["enabled"]).toBe(false)
    expect((await cli(["route-enable", route.route_id, "alice"])).json()["enabled"]).toBe(true)
    expect((await cli(["route-update", route.route_id, "alice"])).code).toBe(2)
    const refused = await cli(["route-create", "/x", "url", "10.0.0.1", "alice"])
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/^forbidden_target: /)])
  })

  test("delete after asking", async () => {
    const { route_id } = (await cli(["route-create", "/gone", "url", target, "alice"])).json<{ route_id: string }>()
    const asked = await cli(["route-delete", route_id, "alice"])
    expect([asked.code, asked.err]).toEqual([
      3,
      expect.stringContaining(`The route ${route_id} (/gone → url ${target}) will be deleted.`),
    ])
    const done = await cli(["route-delete", route_id, "alice", "--yes"])
    expect([done.code, done.out]).toEqual([0, ""])
    expect((await cli(["route-show", route_id])).code).toBe(1)
  })

  test("choose what applies to a proxy, keeping what they do not name", async () => {
    const { route_id } = (await cli(["route-create", "/here", "url", target, "ADMIN"])).json<{ route_id: string }>()
    const shown = async () => (await cli(["proxy-routes-show", "web.internal"])).json()
    expect((await cli(["proxy-routes-set", "web.internal", "alice", route_id, ""])).json()).toMatchObject({
      enabled_routes: [route_id],
    })
    expect((await cli(["proxy-routes-mode", "web.internal", "alice", "selective"])).json()).toMatchObject({
      route_mode: "selective",
      enabled_routes: [route_id],
    })
    await cli(["proxy-route-disable", "web.internal", route_id, "alice"])
    expect((await shown())["enabled_routes"]).toEqual([])
    await cli(["proxy-route-enable", "web.internal", route_id, "alice"])
    expect((await shown())["enabled_routes"]).toEqual([route_id])
    await cli(["proxy-routes-set", "web.internal", "alice", "", route_id])
    expect(await shown()).toMatchObject({ route_mode: "selective", enabled_routes: [], disabled_routes: [route_id] })
    expect((await cli(["proxy-routes-mode", "web.internal", "alice", "most"])).code).toBe(1)
  })
})

describe("instance recipes", () => {
  test("register, change, list, show and delete", async () => {
    expect((await cli(["instance-register", "db", target, "alice", "the store"])).json()).toMatchObject({
      name: "db",
      description: "the store",
    })
    const other = "http://93.184.216.35"
    expect((await cli(["instance-update", "db", other, "alice"])).json()).toMatchObject({
      target_url: other,
      description: "the store",
    })
    expect((await cli(["instance-list"])).json<{ instances: object[] }>().instances).toHaveLength(1)
    await cli(["route-create", "/db", "instance", "db", "alice"])
    const asked = await cli(["instance-delete", "db", "alice"])
    expect([asked.code, asked.err]).toEqual([3, expect.stringMatching(/will be deleted; these lead to it: db-/)])
    expect((await cli(["instance-delete", "db", "alice", "--yes"])).err).toMatch(/^in_use: /)
    expect((await cli(["instance-delete", "db", "alice", "--force"])).code).toBe(0)
    expect((await cli(["instance-show", "db"])).code).toBe(1)
  })

  test("name the built-in authorization server, again and again", async () => {
    const env = { BASE_DOMAIN: "localhost", HTTPS_PORT: "8443" }
    const first = await cli(["instance-register-oauth", "ADMIN"], { env })
    expect(first.json()).toMatchObject({ name: "auth", target_url: "https://auth.localhost:8443" })
    const { position } = await api.store.head()
    expect((await cli(["instance-register-oauth", "ADMIN"], { env })).json()).toEqual(first.json())
    expect((await api.store.head()).position).toBe(position)
    const moved = await cli(["instance-register-oauth", "ADMIN"], { env: { ...env, PUBLIC_HTTPS_PORT: "443" } })
    expect(moved.json()["target_url"]).toBe("https://auth.localhost")
    expect((await cli(["instance-register-oauth", "alice"], { env })).code).toBe(1)
  })
})

describe("resource recipes", () => {
  test("register, list, show and check a token", async () => {
    const uri = "https://web.internal:8443/files"
    const made = await cli(["resource-register", uri, "web.internal", "Files", "files:read files:write"])
    expect(made.json()).toMatchObject({ uri, name: "Files", scopes: ["files:read", "files:write"], owner: "ADMIN" })
    expect((await cli(["resource-register", "web.internal", "web.internal", "Origin"])).json()).toMatchObject({
      uri: "https://web.internal:8443",
      scopes: ["mcp:read", "mcp:write"],
    })
    expect((await cli(["resource-list"])).json<{ resources: object[] }>().resources).toHaveLength(2)
    expect((await cli(["resource-show", uri])).json()["name"]).toBe("Files")
    expect((await cli(["resource-show", "web.internal"])).json()["name"]).toBe("Origin")
    const checked = await cli(["resource-validate", uri, "no-token"])
    expect([checked.code, checked.json()["valid"], checked.err]).toEqual([1, false, "not_valid: auth_off\n"])
  })
})
