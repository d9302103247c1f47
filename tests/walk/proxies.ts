import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Json, Uses } from "./uses.ts"

const all = "/api/v1/proxy/targets"
const one = `${all}/{hostname}`

/** Creates, protects, changes, lists and deletes proxies. */
export function walkProxies({ call, refuse, recipe, fail }: Uses, system: () => System): void {
  const web = () => ({ params: { hostname: "web.test" }, token: system().alice })
  const target = () => system().mcp.url

  describe("proxies", () => {
    it("live through the API", async () => {
      const token = system().alice
      const made = await call(`POST ${all}`, 201, { token, body: { hostname: "Web.test", target_url: target() } })
      expect(made.body).toMatchObject({
        proxy_target: { hostname: "web.test", target_url: target(), owner: "alice", enabled: true },
        certificate_status: "started",
        cert_name: "proxy-web-test",
      })
      await refuse(`POST ${all}`, 409, "already_exists", { body: { hostname: "web.test", target_url: target() } })
      await refuse(`POST ${all}`, 422, "forbidden_target", {
        token,
        body: { hostname: "meta.test", target_url: "http://169.254.169.254" },
      })
      const listed = (await call(`GET ${all}`, 200, { token })).body
      expect((listed["targets"] as Json[]).map(({ hostname }) => hostname as string)).toEqual(["web.test"])
      await refuse(`GET ${all}`, 422, "validation_failed", { query: "order=up" })
      const shown = await call(`GET ${one}`, 200, web())
      const etag = shown.headers.get("etag")!
      await refuse(`GET ${one}`, 403, "not_owner", { ...web(), token: system().bob })
      const change = { ...web(), body: { enable_http: false, custom_headers: { "X-A": "b" } } }
      expect((await call(`PUT ${one}`, 200, change)).body).toMatchObject({
        enable_http: false,
        custom_headers: { "X-A": "b" },
      })
      await refuse(`PUT ${one}`, 412, "precondition_failed", { ...change, headers: { "if-match": etag } })
      await refuse(`PUT ${one}`, 422, "validation_failed", { ...web(), body: { enable_https: false } })

      expect((await call(`GET ${one}/auth`, 200, web())).body).toEqual({ auth_enabled: false })
      const auth = { ...web(), body: { auth_proxy: "auth.localhost", required_users: ["alice"] } }
      expect((await call(`POST ${one}/auth`, 200, auth)).body["proxy_target"]).toMatchObject({
        auth_enabled: true,
        auth_required_users: ["alice"],
      })
      await refuse(`POST ${one}/auth`, 422, "unknown_auth_proxy", {
        ...web(),
        body: { auth_proxy: "auth.elsewhere.test" },
      })
      await refuse(`GET ${one}/auth`, 404, "not_found", { params: { hostname: "none.test" } })
      await refuse(`DELETE ${one}/auth`, 403, "not_owner", { ...web(), token: system().bob })
      expect((await call(`DELETE ${one}/auth`, 200, web())).body["proxy_target"]).toMatchObject({ auth_enabled: false })

      expect((await call(`GET ${one}/mcp`, 200, web())).body).toEqual({ mcp_enabled: false })
      const mcp = await call(`POST ${one}/mcp`, 200, { ...web(), body: { mcp_scopes: ["mcp:read"] } })
      expect(mcp.body).toMatchObject({
        resource: `https://web.test:${system().node.httpsPort}/mcp`,
        warning: expect.any(String),
      })
      await refuse(`POST ${one}/mcp`, 422, "validation_failed", { ...web(), body: { mcp_endpoint: "no-slash" } })
      await refuse(`GET ${one}/mcp`, 404, "not_found", { params: { hostname: "none.test" } })
      await refuse(`DELETE ${one}/mcp`, 403, "not_owner", { ...web(), token: system().bob })
      await call(`DELETE ${one}/mcp`, 200, web())

      const query = "delete_certificate=true"
      expect((await call(`DELETE ${one}`, 200, { ...web(), query })).body).toEqual({
        message: expect.any(String),
        deleted_certificate: "proxy-web-test",
        removed: { routes: [], resources: [] },
      })
      await refuse(`DELETE ${one}`, 404, "not_found", web())
    })

    it("live through the recipes", async () => {
      const shop = ["shop.internal", "alice"]
      expect(await recipe("proxy-create", ["shop.internal", target(), "alice"])).toMatchObject({
        certificate_status: "started",
      })
      await fail("proxy-create", ["shop.internal", target(), "bob"], 1, /^already_exists: /)
      expect(await recipe("proxy-update", [...shop, "preserve_host_header=no"])).toMatchObject({
        preserve_host_header: false,
      })
      await fail("proxy-update", [...shop, "colour=red"], 1, /^validation_failed: /)
      expect(await recipe("proxy-disable", shop)).toMatchObject({ enabled: false })
      expect(await recipe("proxy-enable", shop)).toMatchObject({ enabled: true })
      for (const name of ["proxy-enable", "proxy-disable"])
        await fail(name, ["shop.internal", "bob"], 1, /^not_owner: /)
      expect((await recipe("proxy-list", ["alice"]))["targets"]).toHaveLength(1)
      expect(await recipe("proxy-show", ["shop.internal"])).toMatchObject({ hostname: "shop.internal" })
      await fail("proxy-show", ["none.test"], 1, /^not_found: /)
      await recipe("cert-delete", ["proxy-shop-internal", "alice", "force"])
      expect(await recipe("proxy-cert-generate", shop)).toMatchObject({ cert_name: "proxy-shop-internal" })
      await fail("proxy-cert-generate", ["none.test", "alice"], 1, /^not_found: /)
      await recipe("cert-create", ["other", "other.internal", "", "alice"])
      await fail("proxy-cert-attach", ["shop.internal", "other", "alice"], 3, /other does not cover shop\.internal/)
      expect(await recipe("proxy-cert-attach", ["shop.internal", "proxy-shop-internal", "alice"])).toMatchObject({
        hostname: "shop.internal",
      })
      const group = ["app", "a.app.internal b.app.internal", target(), "alice"]
      expect((await recipe("proxy-create-group", group))["targets"]).toHaveLength(2)
      await fail(
        "proxy-create-group",
        ["app", "a.app.internal c.app.internal", target(), "alice"],
        1,
        /\+c\.app\.internal -b\.app\.internal/,
      )

      await fail("proxy-auth-config", [...shop, "ann"], 1, /^invalid_state: /)
      await recipe("proxy-auth-enable", [...shop, "auth.localhost", "forward"])
      await fail("proxy-auth-enable", [...shop, "auth.localhost", "sideways"], 1, /^validation_failed: /)
      await recipe("proxy-auth-config", [...shop, "ann, bob", "", "staff"])
      expect(await recipe("proxy-auth-show", ["shop.internal"])).toMatchObject({
        auth_required_users: ["ann", "bob"],
        auth_required_groups: ["staff"],
      })
      await fail("proxy-auth-show", ["none.test"], 1, /^not_found: /)
      await recipe("proxy-auth-disable", shop)
      await fail("proxy-auth-disable", ["none.test", "alice"], 1, /^not_found: /)
      await recipe("proxy-mcp-enable", [...shop, "/mcp", "mcp:read"])
      await fail("proxy-mcp-enable", [...shop, "mcp"], 1, /^validation_failed: /)
      expect(await recipe("proxy-mcp-show", ["shop.internal"])).toMatchObject({ mcp_scopes: ["mcp:read"] })
      await fail("proxy-mcp-show", ["none.test"], 1, /^not_found: /)
      await recipe("proxy-mcp-disable", shop)
      await fail("proxy-mcp-disable", ["none.test", "alice"], 1, /^not_found: /)
      await fail("proxy-delete", shop, 3, /The proxy shop\.internal .* will be deleted/)
      await recipe("proxy-delete", [...shop, "true", "force"])
      for (const host of ["a.app.internal", "b.app.internal"])
        await recipe("proxy-delete", [host, "alice", "false", "force"])
      await fail("proxy-delete", shop, 1, /^not_found: /)
    })
  })
}
