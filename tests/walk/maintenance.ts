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
  })
}
