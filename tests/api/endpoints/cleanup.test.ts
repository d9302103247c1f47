import { type RunningApi, conforming, runningApi } from "../running-api.ts"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { commandLine } from "../../cli/running-cli.ts"

let api: RunningApi
let cli: ReturnType<typeof commandLine>
beforeAll(async () => {
  api = await runningApi()
  cli = commandLine(api)
})
afterAll(() => api.stop())

const target_url = "http://93.184.216.34:3000"

interface Report {
  readonly dry_run: boolean
  readonly found: Record<"certificates" | "proxies" | "routes" | "instances" | "resources", { name: string }[]>
  readonly total: number
  readonly unavailable: { kind: string; code: string }[]
  readonly removed: Record<string, string[] | number>
  readonly remaining: number
}

const clean = (body: object = {}, query = "") => api.call<Report>("POST", `/api/v1/cleanup${query}`, body)
const orphaned = async () => (await api.call<{ orphaned_resources: number }>("GET", "/health")).body.orphaned_resources

/** A route to an instance that is gone. */
async function orphanedRoute(route_id: string): Promise<void> {
  const answers = [
    await api.call("POST", "/api/v1/instances", { name: `of-${route_id}`, target_url }),
    await api.call("POST", "/api/v1/routes", {
      route_id,
      path_pattern: `/${route_id}`,
      target_type: "instance",
      target_value: `of-${route_id}`,
    }),
    await api.call("DELETE", `/api/v1/instances/of-${route_id}?force=true`),
  ]
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 204])
}

/** A proxy that was made for a service that is gone. */
async function orphanedProxy(service_name: string): Promise<string> {
  const made = await api.call("POST", "/api/v1/services?auto_proxy=true", { service_name, image: "nginx" })
  expect(made.status).toBe(201)
  expect((await api.call("DELETE", `/api/v1/services/${service_name}?delete_proxy=false`)).status).toBe(200)
  const { request } = api.projections.world.objects.service.get(service_name)!.state
  await api.report("RecordServiceRemoved", { service_name, request })
  return `${service_name}.localhost`
}

describe("a cleanup", () => {
  test("only says what it would do, unless it is told otherwise; then removes just that, an event each", async () => {
    await orphanedRoute("lost")
    await api.call("POST", "/api/v1/proxy/targets", { hostname: "off.internal", target_url, enabled: false })
    const { position } = await api.store.head()
    const plan = await clean()
    conforming("cleanUp", plan.body)
    expect(plan.status).toBe(200)
    expect(plan.body).toMatchObject({ dry_run: true, total: 1, found: { routes: [{ name: "lost" }], proxies: [] } })
    expect(plan.body.unavailable).toMatchObject([{ kind: "services", code: "docker_unavailable" }])
    expect([await orphaned(), (await api.store.head()).position]).toEqual([1, position])
    const done = await clean({}, "?dry_run=false")
    expect(done.body).toMatchObject({ dry_run: false, removed: { routes: ["lost"], proxies: [] }, remaining: 0 })
    const written = await api.store.read(position, 10)
    expect(written.map(({ type, id }) => `${type} ${id}`)).toEqual(["RouteDeleted lost"])
    expect(await orphaned()).toBe(0)
    expect((await clean({}, "/?dry_run=false")).body).toMatchObject({ total: 0, removed: { routes: [] } })
    expect((await api.store.head()).position).toBe(position + 1)
  })

  test("is about the kinds and the host that are named", async () => {
    const [one, two] = [await orphanedProxy("one"), await orphanedProxy("two")]
    await orphanedRoute("other")
    const names = async (body: object) => {
      const { found } = (await clean(body)).body
      return [found.proxies, found.routes, found.instances].flat().map(({ name }) => name)
    }
    expect(await names({ kinds: ["proxies"] })).toEqual([one, two])
    expect(await names({ kinds: ["routes", "oauth"] })).toEqual(["other"])
    expect(await names({ hostname: "TWO.localhost" })).toEqual([two])
    const gone = await clean({ kinds: ["proxies"], hostname: one, dry_run: false })
    expect(gone.body.removed["proxies"]).toEqual([one])
    expect(await names({})).toEqual([two, "other"])
    await clean({ dry_run: false })
  })

  test("of a host takes what leads to it and what is registered on it", async () => {
    const made = [
      await api.call("POST", "/api/v1/proxy/targets", { hostname: "led.internal", target_url, enable_https: false }),
      await api.call("POST", "/api/v1/proxy/targets", { hostname: "held.internal", target_url, enable_https: false }),
      await api.call("POST", "/api/v1/routes", {
        route_id: "to-led",
        path_pattern: "/led",
        target_type: "hostname",
        target_value: "led.internal",
      }),
      await api.call("POST", "/api/v1/resources", {
        uri: "https://held.internal:8443/x",
        name: "x",
        proxy_target: "held.internal",
      }),
      await api.call("DELETE", "/api/v1/proxy/targets/led.internal?force=true"),
    ]
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201, 200])
    await orphanedRoute("elsewhere")
    const { proxy } = api.projections.world.objects
    // No command leaves a resource without its proxy behind; a log of another version might.
    const held = proxy.get("held.internal")!
    proxy.delete("held.internal")
    const names = async (hostname: string) => {
      const { found } = (await clean({ hostname })).body
      return [found.routes, found.resources].flat().map(({ name }) => name)
    }
    expect(await names("led.internal")).toEqual(["to-led"])
    expect(await names("held.internal")).toEqual(["https://held.internal:8443/x"])
    proxy.set("held.internal", held)
    await clean({ dry_run: false })
  })

  test("that is repeated with its key is one", async () => {
    await orphanedRoute("again")
    const headers = { "idempotency-key": "cleanup-1" }
    const first = await api.call<Report>("POST", "/api/v1/cleanup?dry_run=false", {}, headers)
    const second = await api.call<Report>("POST", "/api/v1/cleanup?dry_run=false", {}, headers)
    expect([first.body.removed, second.body.removed].map((removed) => removed["routes"])).toEqual([
      ["again"],
      ["again"],
    ])
    const other = await api.call("POST", "/api/v1/cleanup?dry_run=false", { kinds: ["routes"] }, headers)
    expect([other.status, other.body["code"]]).toEqual([422, "idempotency_mismatch"])
  })

  test("is refused to owners, for what it does not know, and for the engine alone when there is none", async () => {
    const alice = await api.token("alice")
    const refused = [
      await api.call("POST", "/api/v1/cleanup", {}, {}, alice),
      await api.call("POST", "/api/v1/cleanup", {}, {}, null),
      await api.call("POST", "/api/v1/cleanup", { kinds: ["tokens"] }),
      await api.call("POST", "/api/v1/cleanup", { kinds: [] }),
      await api.call("POST", "/api/v1/cleanup?dry_run=perhaps", {}),
      await api.call("POST", "/api/v1/cleanup", { kinds: ["services"] }),
    ]
    expect(refused.map(({ status, body }) => [status, body["code"]])).toEqual([
      [403, "admin_required"],
      [401, "unauthenticated"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [422, "validation_failed"],
      [503, "docker_unavailable"],
    ])
  })
})

describe("the recipes", () => {
  test("show the plan and ask; nothing to do is no error", async () => {
    const nothing = await cli(["cleanup-orphaned"])
    expect([nothing.code, nothing.json()["total"]]).toEqual([0, 0])
    await orphanedRoute("asked")
    const unasked = await cli(["cleanup-orphaned"])
    expect([unasked.code, unasked.out]).toEqual([3, ""])
    expect(unasked.err).toContain("  routes: asked: its target, the instance of-asked, is gone")
    expect((await cli(["cleanup-orphaned"], { answers: ["n"] })).code).toBe(3)
    const done = await cli(["cleanup-orphaned"], { answers: ["y"] })
    expect([done.code, done.json<Report>().removed["routes"]]).toEqual([0, ["asked"]])
  })

  test("proxy-cleanup leaves all other kinds, and all proxies that somebody has", async () => {
    const [host, other] = [await orphanedProxy("three"), await orphanedProxy("four")]
    await orphanedRoute("stays")
    const one = await cli(["proxy-cleanup", host, "--yes"])
    expect([one.code, one.json<Report>().removed["proxies"]]).toEqual([0, [host]])
    const rest = await cli(["proxy-cleanup", "--yes"])
    expect(rest.json<Report>().removed).toMatchObject({ proxies: [other], routes: [] })
    expect((await api.call("GET", "/api/v1/proxy/targets/off.internal")).status).toBe(200)
    expect((await api.call("GET", "/api/v1/routes/stays")).status).toBe(200)
    expect((await cli(["proxy-cleanup", "not a host"])).code).toBe(1)
  })
})

test("without the whole log nothing can be told to be orphaned", async () => {
  await api.redis.stop()
  const refused = await api.call("POST", "/api/v1/cleanup", {})
  expect([refused.status, refused.body["code"]]).toEqual([409, "projection_incomplete"])
})
