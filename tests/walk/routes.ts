import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Json, Uses } from "./uses.ts"

const one = "/api/v1/routes/{route_id}"
const ofProxy = "/api/v1/proxy/targets/{hostname}/routes"

/** Creates, changes, switches, chooses, lists and deletes routes. */
export function walkRoutes({ call, refuse, recipe, fail }: Uses, system: () => System): void {
  const target = () => system().mcp.url
  const docs = () => ({ params: { route_id: "docs", hostname: "routed.internal" }, token: system().alice })

  describe("routes", () => {
    it("live through the API", async () => {
      const token = system().alice
      await call("POST /api/v1/proxy/targets", 201, {
        token,
        body: { hostname: "routed.internal", target_url: target(), enable_https: false },
      })
      const body = { route_id: "docs", path_pattern: "/docs", target_type: "url", target_value: target() }
      expect((await call("POST /api/v1/routes", 201, { token, body })).body).toMatchObject({
        route_id: "docs",
        scope: "owner",
        priority: 50,
        methods: null,
        owner: "alice",
      })
      await refuse("POST /api/v1/routes", 403, "global_admin_only", {
        token,
        body: { ...body, route_id: "g", scope: "global" },
      })
      await refuse("POST /api/v1/routes", 422, "unsupported_regex", {
        token,
        body: { ...body, route_id: "r", is_regex: true, path_pattern: "/(a)\\1" },
      })
      const global = { route_id: "everywhere", path_pattern: "/all", target_type: "port", target_value: 4321 }
      expect((await call("POST /api/v1/routes", 201, { body: global })).body).toMatchObject({
        scope: "global",
        owner: "ADMIN",
      })
      const listed = (await call("GET /api/v1/routes", 200, { token })).body
      expect((listed["routes"] as Json[]).map(({ route_id }) => route_id as string)).toEqual(["docs", "everywhere"])
      await refuse("GET /api/v1/routes", 422, "validation_failed", { query: "scope=mine" })
      expect((await call(`GET ${one}`, 200, docs())).body).toMatchObject({ path_pattern: "/docs" })
      await refuse(`GET ${one}`, 403, "not_owner", { ...docs(), token: system().bob })
      expect(
        (await call(`PUT ${one}`, 200, { ...docs(), body: { priority: 80, methods: ["get"] } })).body,
      ).toMatchObject({ priority: 80, methods: ["GET"] })
      await refuse(`PUT ${one}`, 422, "validation_failed", { ...docs(), body: { priority: 1000 } })
      expect((await call(`PUT ${one}/disable`, 200, docs())).body).toMatchObject({ enabled: false })
      expect((await call(`PUT ${one}/enable`, 200, docs())).body).toMatchObject({ enabled: true })
      for (const verb of ["enable", "disable"])
        await refuse(`PUT ${one}/${verb}`, 403, "not_owner", { ...docs(), token: system().bob })

      expect((await call(`GET ${ofProxy}`, 200, docs())).body).toMatchObject({
        route_mode: "all",
        enabled_routes: [],
        disabled_routes: [],
      })
      await refuse(`GET ${ofProxy}`, 404, "not_found", { params: { hostname: "none.test" } })
      const chosen = { ...docs(), body: { route_mode: "selective", enabled_routes: ["everywhere"] } }
      expect((await call(`PUT ${ofProxy}`, 200, chosen)).body).toMatchObject({
        route_mode: "selective",
        enabled_routes: ["everywhere"],
      })
      await refuse(`PUT ${ofProxy}`, 422, "validation_failed", {
        ...docs(),
        body: { route_mode: "all", enabled_routes: ["none"] },
      })
      expect((await call(`POST ${ofProxy}/{route_id}/disable`, 200, docs())).body["enabled_routes"]).toEqual([
        "everywhere",
      ])
      expect((await call(`POST ${ofProxy}/{route_id}/enable`, 200, docs())).body["enabled_routes"]).toContain("docs")
      await call(`PUT ${ofProxy}`, 200, { ...docs(), body: { route_mode: "none" } })
      for (const verb of ["enable", "disable"])
        await refuse(`POST ${ofProxy}/{route_id}/${verb}`, 409, "invalid_state", docs())
      await call(`PUT ${ofProxy}`, 200, { ...docs(), body: { route_mode: "all" } })
      await call(`DELETE ${one}`, 204, docs())
      await refuse(`DELETE ${one}`, 404, "not_found", docs())
    })

    it("live through the recipes", async () => {
      const made = await recipe("route-create", [
        "/api",
        "url",
        target(),
        "alice",
        "70",
        "get,POST",
        "false",
        "the API",
      ])
      const id = made["route_id"] as string
      expect(made).toMatchObject({
        path_pattern: "/api",
        priority: 70,
        methods: ["GET", "POST"],
        description: "the API",
      })
      await fail("route-create", ["/x", "url", "http://169.254.169.254", "alice"], 1, /^forbidden_target: /)
      expect((await recipe("route-list"))["routes"]).toHaveLength(2)
      expect(await recipe("route-show", [id])).toMatchObject({ route_id: id })
      await fail("route-show", ["none"], 1, /^not_found: /)
      expect(await recipe("route-update", [id, "alice", "priority=80"])).toMatchObject({ priority: 80 })
      await fail("route-update", [id, "alice", "priority=high"], 1, /^validation_failed: /)
      expect(await recipe("route-disable", [id, "alice"])).toMatchObject({ enabled: false })
      expect(await recipe("route-enable", [id, "alice"])).toMatchObject({ enabled: true })
      for (const name of ["route-enable", "route-disable"]) await fail(name, ["none", "alice"], 1, /^not_found: /)
      const host = "routed.internal"
      expect(await recipe("proxy-routes-show", [host])).toMatchObject({ route_mode: "all" })
      await fail("proxy-routes-show", ["none.test"], 1, /^not_found: /)
      expect(await recipe("proxy-routes-set", [host, "alice", "everywhere", id])).toMatchObject({
        enabled_routes: ["everywhere"],
        disabled_routes: [id],
      })
      await fail("proxy-routes-set", [host, "alice", "none", ""], 1, /^validation_failed: /)
      expect(await recipe("proxy-routes-mode", [host, "alice", "selective"])).toMatchObject({
        route_mode: "selective",
        disabled_routes: [id],
      })
      await fail("proxy-routes-mode", [host, "alice", "most"], 1, /^validation_failed: /)
      expect((await recipe("proxy-route-disable", [host, "everywhere", "alice"]))["enabled_routes"]).toEqual([])
      expect((await recipe("proxy-route-enable", [host, "everywhere", "alice"]))["enabled_routes"]).toEqual([
        "everywhere",
      ])
      for (const name of ["proxy-route-enable", "proxy-route-disable"])
        await fail(name, [host, "none", "alice"], 1, /^not_found: /)
      await fail("route-delete", [id, "alice"], 3, /will be deleted/)
      await recipe("route-delete", [id, "alice", "--yes"])
      await fail("route-delete", [id, "alice", "--yes"], 1, /^not_found: /)
      await recipe("route-delete", ["everywhere", "ADMIN", "--yes"])
      await recipe("proxy-delete", [host, "alice", "false", "force"])
    })
  })
}
