import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Uses } from "./uses.ts"

const clients = "/api/v1/oauth/clients"

/** Endpoints that the specification's recipes and rules need without its list naming them. */
export function walkAdditions({ call, refuse }: Uses, system: () => System): void {
  describe("what the list does not name", () => {
    it("gives lists as text", async () => {
      for (const list of ["tokens", "proxy/targets", "routes"]) {
        const entry = `GET /api/v1/${list}/formatted`
        const { body, headers } = await call(entry, 200, { query: "format=csv" })
        expect([typeof body, headers.get("content-type")]).toEqual(["string", expect.stringMatching(/^text\/csv/)])
        await refuse(entry, 422, "validation_failed", { query: "format=xml" })
      }
    })

    it("reads the log, and what became of a command", async () => {
      const { events } = (await call("GET /api/v1/events", 200, { query: "per_page=1" })).body
      const [event] = events as { position: number; command_id: string }[]
      const position = { params: { position: String(event!.position) } }
      expect((await call("GET /api/v1/events/{position}", 200, position)).body).toEqual(event)
      await refuse("GET /api/v1/events/{position}", 404, "not_found", { params: { position: "999999" } })
      const id = { params: { id: event!.command_id } }
      expect((await call("GET /api/v1/commands/{id}", 200, id)).body).toMatchObject({ status: "accepted" })
      await refuse("GET /api/v1/commands/{id}", 404, "not_found", { params: { id: "none" } })
      expect((await call("GET /api/v1/stats", 200)).body).toMatchObject({ position: expect.any(Number) })
      expect((await call("GET /api/v1/digest", 200)).body["kinds"]).toHaveProperty("proxy")
      for (const name of ["stats", "digest"])
        await refuse(`GET /api/v1/${name}`, 403, "admin_required", { token: system().alice })
      expect((await call("GET /api/v1/openapi.json", 200)).body).toMatchObject({ openapi: "3.1.0" })
    })

    it("switches routes by POST too", async () => {
      const body = { route_id: "posted", path_pattern: "/posted", target_type: "url", target_value: system().mcp.url }
      const posted = { params: { route_id: "posted" } }
      await call("POST /api/v1/routes", 201, { body })
      for (const [verb, enabled] of [
        ["disable", false],
        ["enable", true],
      ] as const) {
        const entry = `POST /api/v1/routes/{route_id}/${verb}`
        expect((await call(entry, 200, posted)).body).toMatchObject({ enabled })
        await refuse(entry, 403, "not_owner", { ...posted, token: system().bob })
      }
      await call("DELETE /api/v1/routes/{route_id}", 204, posted)
    })

    it("sets clients up, counts what they did, and takes them and their tokens back", async () => {
      const token = system().alice
      const made = (await call(`POST ${clients}`, 201, { token, body: { client_name: "Nightly" } })).body
      expect(made).toMatchObject({ kind: "admin", owner: "alice", client_secret: expect.any(String) })
      await refuse(`POST ${clients}`, 422, "validation_failed", { token, body: {} })
      const client = { token, params: { client_id: made["client_id"] as string } }
      const changed = await call(`PATCH ${clients}/{client_id}`, 200, { ...client, body: { client_name: "Weekly" } })
      expect(changed.body).toMatchObject({ client_name: "Weekly" })
      await refuse(`PATCH ${clients}/{client_id}`, 404, "not_found", {
        ...client,
        token: system().bob,
        body: { client_name: "x" },
      })
      expect((await call(`GET ${clients}/{client_id}/stats`, 200, client)).body).toMatchObject({ issued: 0 })
      expect((await call(`DELETE ${clients}/{client_id}`, 200, client)).body).toMatchObject({ revoked_grants: 0 })
      await refuse(`DELETE ${clients}/{client_id}`, 404, "not_found", client)
      await refuse("DELETE /api/v1/oauth/tokens/{jti}", 404, "not_found", { params: { jti: "none" } })
      expect((await call("POST /api/v1/oauth/tokens/cleanup", 200)).body).toMatchObject({ dry_run: true, removed: 0 })
      await refuse("POST /api/v1/oauth/tokens/cleanup", 403, "admin_required", { token })
    })

    it("sets the OAuth host up, and examines a connector", async () => {
      const setup = "/api/v1/oauth/admin/setup-"
      expect((await call(`POST ${setup}routes`, 200, { body: {} })).body).toMatchObject({ success: true })
      await refuse(`POST ${setup}routes`, 422, "unknown_auth_proxy", { body: { oauth_domain: "elsewhere.test" } })
      expect((await call(`GET ${setup}status`, 200)).body).toMatchObject({ is_complete: true })
      await refuse(`GET ${setup}status`, 403, "admin_required", { token: system().alice })
      const url = `https://mcp.internal:${system().node.httpsPort}/mcp`
      expect((await call("POST /api/v1/oauth/diagnose", 200, { body: { url } })).body).toMatchObject({ ok: true })
      await refuse("POST /api/v1/oauth/diagnose", 403, "not_owner", { token: system().bob, body: { url } })
    })
  })
}
