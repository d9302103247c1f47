import { describe, expect, it } from "vitest"
import type { System } from "./system.ts"
import type { Uses } from "./uses.ts"

/** Looks after the whole: health, counts, leftovers. */
export function walkMaintenance({ recipe, fail, call, refuse }: Uses, system: () => System): void {
  describe("maintenance", () => {
    it("tells how it is, and counts", async () => {
      expect(await recipe("health")).toMatchObject({ status: "healthy", orphaned_resources: 0 })
      await fail("health", [], 5, /^unreachable: /, { API_PORT: "9" })
      expect(await recipe("stats")).toMatchObject({ tokens: 3 })
      await fail("stats", [], 1, /^invalid_token: /, { ADMIN_TOKEN: "wrong-token-wrong-token" })
    })

    it("removes what nothing has a use for, and nothing else", async () => {
      const { body } = await call("POST /api/v1/cleanup", 200, { body: { kinds: ["proxies", "routes"] } })
      expect(body).toMatchObject({ dry_run: true, total: 0 })
      await refuse("POST /api/v1/cleanup", 403, "admin_required", { token: system().alice })
      expect(await recipe("proxy-cleanup")).toMatchObject({ total: 0 })
      expect(await recipe("cleanup-orphaned", ["--yes"])).toMatchObject({ remaining: 0 })
      await fail("proxy-cleanup", ["not a host"], 1, /^validation_failed: /)
    })

    it("renames what today's rules would refuse, which is nothing here", async () => {
      expect(await recipe("migrate-service-names")).toEqual({ renamed: [], left: [] })
    })

    it("gives everything that is wanted as one document, which changes nothing where it comes from", async () => {
      const { body: document } = await call("GET /api/v1/export", 200)
      await refuse("GET /api/v1/export", 403, "admin_required", { token: system().alice })
      const query = "dry_run=false"
      const applied = (await call("POST /api/v1/apply", 200, { query, body: document })).body
      expect(applied).toMatchObject({ create: [], update: [], delete: [], errors: [], digest: document["digest"] })
      await refuse("POST /api/v1/apply", 422, "validation_failed", { body: { ...document, surprises: [] } })
    })
  })
}
