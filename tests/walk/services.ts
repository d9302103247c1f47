import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Uses } from "./uses.ts"

const one = "/api/v1/services/{name}"

/** Runs, looks into, changes, stops and deletes services, in containers of a real engine. */
export function walkServices({ call, refuse, recipe, fail }: Uses, system: () => System): void {
  const web = () => ({ params: { name: "web" }, token: system().alice })
  const image = "gatehouse/test-web:1"

  describe("services", () => {
    it("live through the API", async () => {
      const token = system().alice
      const made = await call("POST /api/v1/services", 201, { token, body: { service_name: "web", image } })
      expect(made.body).toMatchObject({
        service: { service_name: "web", status: "pending", owner: "alice" },
        instance_registered: true,
      })
      await refuse("POST /api/v1/services", 409, "already_exists", { token, body: { service_name: "web", image } })
      await refuse("POST /api/v1/services", 403, "image_not_allowed", {
        token,
        body: { service_name: "x", image: "redis:7" },
      })
      await refuse("POST /api/v1/services", 422, "forbidden_option", {
        body: { service_name: "x", image, privileged: true },
      })
      const running = { ...web(), query: "wait=true&timeout=60" }
      expect((await call(`GET ${one}`, 200, running)).body).toMatchObject({ status: "running", last_error: null })
      await refuse(`GET ${one}`, 403, "not_owner", { ...web(), token: system().bob })
      expect((await call("GET /api/v1/services", 200, { token })).body).toMatchObject({
        total: 1,
        services: [{ service_name: "web" }],
      })
      await refuse("GET /api/v1/services", 422, "validation_failed", { query: "status=sleeping" })
      expect((await call(`GET ${one}/logs`, 200, web())).body).toMatchObject({
        service_name: "web",
        logs: expect.any(Array),
      })
      expect((await call(`GET ${one}/stats`, 200, web())).body["pids"]).toBeGreaterThan(0)
      const proxied = { ...web(), body: { hostname: "web.internal" } }
      expect((await call(`POST ${one}/proxy`, 201, proxied)).body).toMatchObject({
        proxy_target: { hostname: "web.internal", target_url: "service://web" },
        certificate_status: "not_required",
      })
      await refuse(`POST ${one}/proxy`, 409, "already_exists", proxied)
      expect((await call(`PUT ${one}`, 200, { ...web(), body: { memory_limit: "256m" } })).body).toMatchObject({
        status: "updating",
      })
      await refuse(`PUT ${one}`, 403, "image_not_allowed", { ...web(), body: { image: "redis:7" } })
      await call(`GET ${one}`, 200, running)
      const waited = { ...web(), query: "wait=true&timeout=60" }
      expect((await call(`POST ${one}/restart`, 200, waited)).body).toMatchObject({ status: "running" })
      await refuse(`DELETE ${one}`, 409, "invalid_state", web())
      expect((await call(`POST ${one}/stop`, 200, waited)).body).toEqual({
        service_name: "web",
        status: "stopped",
        desired_state: "stopped",
      })
      await refuse(`GET ${one}/stats`, 409, "invalid_state", web())
      await refuse(`GET ${one}/logs`, 404, "not_found", { params: { name: "none" } })
      expect((await call(`POST ${one}/start`, 200, waited)).body).toMatchObject({ status: "running" })
      for (const verb of ["start", "stop", "restart"])
        await refuse(`POST ${one}/${verb}`, 403, "not_owner", { ...web(), token: system().bob })
      expect((await call("POST /api/v1/services/cleanup", 200)).body).toMatchObject({
        dry_run: true,
        orphaned_containers: [],
        removed: [],
      })
      await refuse("POST /api/v1/services/cleanup", 403, "admin_required", { token })
      expect((await call(`DELETE ${one}`, 200, { ...web(), query: "force=true" })).body).toMatchObject({
        deleted_proxy: "web.internal",
      })
    }, 180_000)

    it("live through the recipes", async () => {
      expect(
        (await recipe("service-create", ["blog", image, "", "auto", "alice", "64m", "0.5", "false", "--wait"]))[
          "status"
        ],
      ).toBe("running")
      await fail("service-create", ["x", "redis:7", "", "auto", "alice"], 1, /^image_not_allowed: /)
      expect(
        ((await recipe("service-list", ["false", "alice"]))["services"] as { service_name: string }[]).map(
          ({ service_name }) => service_name,
        ),
      ).toContain("blog")
      expect(await recipe("service-show", ["blog"])).toMatchObject({ memory_limit: "64m", cpu_limit: 0.5 })
      expect(await recipe("service-logs", ["blog", "10"])).toMatchObject({ service_name: "blog" })
      expect((await recipe("service-stats", ["blog"]))["pids"]).toBeGreaterThan(0)
      expect(await recipe("service-proxy-create", ["blog", "", "false", "alice"])).toMatchObject({
        proxy_target: { hostname: "blog.localhost" },
      })
      await fail("service-proxy-create", ["blog", "", "false", "alice"], 1, /^already_exists: /)
      expect(await recipe("service-restart", ["blog", "alice"])).toMatchObject({ status: "running" })
      expect(await recipe("service-stop", ["blog", "alice"])).toMatchObject({ status: "stopped" })
      expect(await recipe("service-start", ["blog", "alice"])).toMatchObject({ status: "running" })
      for (const name of [
        "service-show",
        "service-logs",
        "service-stats",
        "service-start",
        "service-stop",
        "service-restart",
      ])
        await fail(name, ["none"], 1, /^not_found: /)
      expect(await recipe("service-cleanup")).toMatchObject({ orphaned_containers: [] })
      await fail("service-delete", ["blog", "alice"], 3, /The service blog .* will be deleted/)
      expect(await recipe("service-delete", ["blog", "alice", "force"])).toMatchObject({
        deleted_proxy: "blog.localhost",
      })
    }, 120_000)
  })
}
