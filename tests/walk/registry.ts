import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Json, Uses } from "./uses.ts"

const instance = "/api/v1/instances/{name}"
const resource = "/api/v1/resources/{uri}"

/** Registers, changes, lists and removes instances and resources. */
export function walkRegistry({ call, refuse, recipe, fail }: Uses, system: () => System): void {
  const target = () => system().mcp.url
  const db = () => ({ params: { name: "db" }, token: system().alice })

  describe("instances", () => {
    it("live through the API", async () => {
      const token = system().alice
      const made = (await call("POST /api/v1/instances", 201, { token, body: { name: "DB", target_url: target() } }))
        .body
      expect(made).toMatchObject({ name: "db", target_url: target(), description: "", owner: "alice", used_by: [] })
      await refuse("POST /api/v1/instances", 409, "already_exists", {
        token,
        body: { name: "db", target_url: target() },
      })
      await refuse("POST /api/v1/instances", 422, "reserved_name", {
        token,
        body: { name: "auth", target_url: target() },
      })
      const listed = (await call("GET /api/v1/instances", 200, { token })).body["instances"] as Json[]
      expect(listed.map(({ name }) => name as string)).toEqual(["db"])
      expect((await call(`GET ${instance}`, 200, db())).body).toEqual(made)
      await refuse(`GET ${instance}`, 404, "not_found", { params: { name: "none" } })
      expect((await call(`PUT ${instance}`, 200, { ...db(), body: { description: "the store" } })).body).toMatchObject({
        description: "the store",
      })
      await refuse(`PUT ${instance}`, 403, "not_owner", { ...db(), token: system().bob, body: { description: "x" } })
      const route = { route_id: "to-db", path_pattern: "/db", target_type: "instance", target_value: "db" }
      await call("POST /api/v1/routes", 201, { token, body: route })
      await refuse(`DELETE ${instance}`, 409, "in_use", db())
      await call("DELETE /api/v1/routes/{route_id}", 204, { token, params: { route_id: "to-db" } })
      await call(`DELETE ${instance}`, 204, db())
    })

    it("live through the recipes", async () => {
      expect(await recipe("instance-register", ["db", target(), "alice", "the store"])).toMatchObject({
        description: "the store",
      })
      await fail("instance-register", ["db", target(), "alice"], 1, /^already_exists: /)
      expect((await recipe("instance-list"))["instances"]).toHaveLength(1)
      expect(await recipe("instance-show", ["db"])).toMatchObject({ name: "db" })
      await fail("instance-show", ["none"], 1, /^not_found: /)
      expect(await recipe("instance-update", ["db", `${target()}/v2`, "alice"])).toMatchObject({
        target_url: `${target()}/v2`,
      })
      await fail("instance-update", ["none", target(), "alice"], 1, /^not_found: /)
      await fail("instance-register-oauth", ["alice"], 1, /^reserved_name: /)
      expect(await recipe("instance-register-oauth", ["ADMIN"])).toMatchObject({ name: "auth" })
      await fail("instance-delete", ["db", "alice"], 3, /will be deleted/)
      for (const [name, owner] of [
        ["db", "alice"],
        ["auth", "ADMIN"],
      ] as const)
        await recipe("instance-delete", [name, owner, "--yes"])
      await fail("instance-delete", ["db", "alice", "--yes"], 1, /^not_found: /)
    })
  })

  describe("resources", () => {
    const uri = () => `https://files.internal:${system().node.httpsPort}/files`
    const files = () => ({ params: { uri: uri() }, token: system().alice })

    it("live through the API", async () => {
      const token = system().alice
      await recipe("proxy-create", ["files.internal", target(), "alice", "false", "true", "true", "false"])
      const body = { uri: uri(), name: "Files", proxy_target: "files.internal" }
      const made = (await call("POST /api/v1/resources", 201, { token, body })).body
      expect(made).toMatchObject({ uri: uri(), scopes: ["mcp:read", "mcp:write"], owner: "alice", auto: false })
      await refuse("POST /api/v1/resources", 409, "already_exists", { token, body })
      await refuse("POST /api/v1/resources", 422, "resource_host_mismatch", {
        token,
        body: { ...body, uri: "https://elsewhere.internal/" },
      })
      expect((await call("GET /api/v1/resources", 200, { token })).body["resources"]).toHaveLength(1)
      expect((await call(`GET ${resource}`, 200, files())).body).toEqual(made)
      await refuse(`GET ${resource}`, 404, "not_found", { params: { uri: "https://none.internal" } })
      expect((await call(`PUT ${resource}`, 200, { ...files(), body: { scopes: ["files:read"] } })).body).toMatchObject(
        { scopes: ["files:read"] },
      )
      await refuse(`PUT ${resource}`, 422, "validation_failed", {
        ...files(),
        body: { uri: "https://files.internal/" },
      })
      const checked = (await call(`POST ${resource}/validate-token`, 200, { ...files(), body: { token: "no.token" } }))
        .body
      expect(checked).toMatchObject({ valid: false, reason: expect.any(String) })
      await refuse(`POST ${resource}/validate-token`, 403, "not_owner", {
        ...files(),
        token: system().bob,
        body: { token: "x" },
      })
      await call("POST /api/v1/proxy/targets/{hostname}/auth", 200, {
        token,
        params: { hostname: "files.internal" },
        body: { auth_proxy: "auth.localhost" },
      })
      await call("POST /api/v1/proxy/targets/{hostname}/mcp", 200, {
        token,
        params: { hostname: "files.internal" },
        body: {},
      })
      const planned = (await call("POST /api/v1/resources/auto-register", 200, { query: "dry_run=true" })).body
      expect(planned).toMatchObject({
        count: expect.any(Number),
        registered: expect.any(Array),
        skipped: expect.any(Array),
      })
      expect((await call("POST /api/v1/resources/auto-register", 200)).body).toEqual(planned)
      await refuse("POST /api/v1/resources/auto-register", 403, "admin_required", { token })
      await call(`DELETE ${resource}`, 204, files())
      await refuse(`DELETE ${resource}`, 404, "not_found", files())
    })

    it("live through the recipes", async () => {
      const made = await recipe("resource-register", [uri(), "files.internal", "Files", "files:read"])
      expect(made).toMatchObject({ uri: uri(), scopes: ["files:read"] })
      await fail(
        "resource-register",
        ["https://elsewhere.internal/", "files.internal", "x"],
        1,
        /^resource_host_mismatch: /,
      )
      expect((await recipe("resource-list"))["resources"]).toContainEqual(made)
      expect(await recipe("resource-show", [uri()])).toEqual(made)
      await fail("resource-show", ["none.internal"], 1, /^not_found: /)
      await fail("resource-validate", [uri(), "no-token"], 1, /^not_valid: /)
    })
  })
}
