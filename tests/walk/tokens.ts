import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Uses } from "./uses.ts"
import { sha256 } from "../../src/platform/ids.ts"

/** Creates, reads, changes, lists and deletes API tokens. */
export function walkTokens({ call, refuse, recipe, fail }: Uses, system: () => System): void {
  describe("tokens", () => {
    const carol = { params: { name: "carol" } }

    it("live through the API", async () => {
      const made = (await call("POST /api/v1/tokens", 201, { body: { name: "carol", cert_email: "c@example.com" } }))
        .body
      expect(made).toEqual({
        name: "carol",
        token: expect.stringMatching(/^acm_[\w-]{43}$/),
        hash: sha256(made["token"] as string),
        cert_email: "c@example.com",
        created_at: expect.any(String),
      })
      await refuse("POST /api/v1/tokens", 409, "already_exists", { body: { name: "Carol" } })
      await refuse("POST /api/v1/tokens", 422, "reserved_name", { body: { name: "info" } })
      const dave = (await call("POST /api/v1/tokens/generate", 201, { body: { name: "dave" } })).body
      expect(dave).toMatchObject({ name: "dave", cert_email: null })
      await refuse("POST /api/v1/tokens/generate", 422, "validation_failed", { body: { name: "no blanks", more: 1 } })
      expect((await call("GET /api/v1/tokens/info", 200, { token: made["token"] as string })).body).toEqual({
        name: "carol",
        cert_email: "c@example.com",
        hash_preview: expect.any(String),
        is_admin: false,
        created_at: made["created_at"],
      })
      const changed = { email: "new@example.com" }
      expect(
        (await call("PUT /api/v1/tokens/email", 200, { token: made["token"] as string, body: changed })).body,
      ).toEqual({
        message: expect.any(String),
        name: "carol",
        cert_email: "new@example.com",
      })
      await refuse("PUT /api/v1/tokens/email", 422, "validation_failed", { body: { name: "carol", email: "none" } })
      const listed = (await call("GET /api/v1/tokens", 200, { query: "sort_by=name&order=asc" })).body
      expect((listed["tokens"] as { name: string }[]).map(({ name }) => name)).toEqual([
        "ADMIN",
        "alice",
        "bob",
        "carol",
        "dave",
      ])
      expect(listed["pagination"]).toEqual({ total: 5, page: 1, per_page: 20, pages: 1 })
      expect(JSON.stringify(listed)).not.toContain(made["token"] as string)
      await refuse("GET /api/v1/tokens", 403, "admin_required", { token: system().alice })
      expect((await call("GET /api/v1/tokens/{name}", 200, carol)).body).toMatchObject({
        cert_email: "new@example.com",
        certificates: [],
        proxies: [],
      })
      await refuse("GET /api/v1/tokens/{name}", 404, "not_found", { params: { name: "nobody" } })
      const revealed = await call("GET /api/v1/tokens/{name}/reveal", 200, { ...carol, query: "confirm=true" })
      expect([revealed.body["token"], revealed.headers.get("cache-control")]).toEqual([made["token"], "no-store"])
      await refuse("GET /api/v1/tokens/{name}/reveal", 422, "confirmation_required", carol)
      for (const part of ["certificates", "proxies"])
        expect((await call(`GET /api/v1/tokens/{name}/${part}`, 200, carol)).body[part]).toEqual([])
      const query = "dry_run=true"
      expect((await call("DELETE /api/v1/tokens/{name}", 200, { ...carol, query })).body).toMatchObject({
        dry_run: true,
      })
      expect((await call("DELETE /api/v1/tokens/{name}", 200, carol)).body).toMatchObject({
        dry_run: false,
        reassigned: 0,
      })
      await refuse("DELETE /api/v1/tokens/{name}", 404, "not_found", carol)
      await refuse("DELETE /api/v1/tokens/{name}", 409, "protected", { params: { name: "ADMIN" } })
      await refuse("GET /api/v1/tokens/info", 401, "invalid_token", { token: made["token"] as string })
    })

    it("live through the recipes", async () => {
      const made = await recipe("token-generate", ["erin", "erin@example.com"])
      expect(made).toMatchObject({ name: "erin", cert_email: "erin@example.com" })
      await fail("token-generate", ["erin"], 1, /^already_exists: /)
      expect((await recipe("token-list"))["tokens"]).toHaveLength(5)
      expect((await recipe("token-show", ["erin"]))["token"]).toBe(made["token"])
      await fail("token-show", ["nobody"], 1, /^not_found: /)
      expect(await recipe("token-email-update", ["erin", "e@example.com"])).toMatchObject({
        cert_email: "e@example.com",
      })
      await fail("token-email-update", ["erin", "none"], 1, /^validation_failed: /)
      expect((await recipe("token-show-certs", ["erin"]))["certificates"]).toEqual([])
      await fail("token-show-certs", ["nobody"], 1, /^not_found: /)
      await fail("token-delete", ["erin"], 3, /erin will be deleted/)
      expect(await recipe("token-delete", ["erin", "--yes"])).toMatchObject({ dry_run: false })
      await fail("token-delete", ["erin", "--yes"], 1, /^not_found: /)
      await recipe("token-delete", ["dave", "--yes"])
    })
  })
}
