import { issue } from "../api/running-api.ts"
import { describe, expect, test } from "vitest"
import { cliWithOwner, api, cli } from "./cli-with-owner.ts"

cliWithOwner()

describe("certificate recipes", () => {
  test("create, wait, show and delete", async () => {
    const created = await cli(["cert-create", "shop", "shop.test", "", "alice"], { tty: true })
    expect([created.code, created.err]).toEqual([0, "follow it with: just cert-status shop\n"])
    const waiting = cli(["cert-status", "shop", "alice", "wait"])
    const key = await issue(api, "shop")
    expect((await waiting).json()).toMatchObject({ status: "active" })
    expect((await cli(["cert-list", "alice"])).json<{ certificates: object[] }>().certificates).toHaveLength(1)
    const chain = await cli(["cert-show", "shop", "alice", "pem"])
    expect(chain.out).toMatch(/^-----BEGIN CERTIFICATE-----[^]*-----END CERTIFICATE-----\n$/)
    expect((await cli(["cert-show", "shop", "alice", "key"])).code).toBe(3)
    expect((await cli(["cert-show", "shop", "alice", "key", "--yes"])).out).toContain(key)
    expect((await cli(["cert-show", "shop", "alice", "pem=nonsense"])).code).toBe(2)
    expect((await cli(["cert-coverage", "shop"])).json()["uncovered_domains"]).toEqual(["shop.test"])
    const unsure = await cli(["cert-delete", "shop", "alice"])
    expect([unsure.code, unsure.err]).toEqual([3, expect.stringContaining("shop and its key will be deleted")])
    expect((await cli(["cert-delete", "shop", "alice", "force"])).code).toBe(0)
  })

  test("wait for what they began, at most as long as they are told", async () => {
    const late = await cli(["cert-create", "late", "late.test", "", "ADMIN", "--wait", "--timeout", "1"])
    expect([late.code, late.out, late.err]).toEqual([4, "", "timed_out: not done after 1 s; it goes on\n"])
    expect((await cli(["cert-status", "late", "", "true", "--timeout", "0"])).code).toBe(4)
    await issue(api, "late")
    const renewed = cli(["cert-renew", "late", "ADMIN", "true", "--wait"])
    await expect
      .poll(() => api.projections.world.objects.certificate.get("late")!.state.generation.state)
      .toBe("accepted")
    await issue(api, "late")
    expect((await renewed).json()).toMatchObject({ status: "active" })
    expect((await cli(["cert-renew", "late", "ADMIN"])).json()["renewed"]).toBe(false)
  })

  test("that wait fail when the work fails for good", async () => {
    const failing = cli(["cert-create", "failing", "failing.example.com", "a@example.com", "ADMIN", "--wait"])
    await expect.poll(() => api.projections.world.objects.certificate.has("failing")).toBe(true)
    const { acme_directory_url: directory_url } = api.projections.world.objects.certificate.get("failing")!.state
    await api.report("StartAttempt", { cert_name: "failing", directory_url })
    await api.report("RecordAttemptFailed", {
      cert_name: "failing",
      step: "order",
      code: "acme_refused",
      detail: "no",
      next_attempt_at: null,
    })
    const { code, err } = await failing
    expect([code, err]).toEqual([1, "acme_refused: no\n"])
  })

  test("ask for several names, or a wildcard, and explain what a public CA needs", async () => {
    const multi = await cli(["cert-create-multi", "multi", "m1.test, m2.test m3.test", "", "alice"])
    expect(multi.json()["domains"]).toEqual(["m1.test", "m2.test", "m3.test"])
    expect((await cli(["cert-create-wildcard", "wild", "wild.test", "", "alice"])).json()["domains"]).toEqual([
      "*.wild.test",
      "wild.test",
    ])
    const refused = await cli(["cert-create-wildcard", "wild2", "example.com", "a@example.com", "alice"])
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("cert-create-multi")])
    const staged = await cli(["cert-create", "staged", "staged.example.com", "a@example.com", "alice", "staging"])
    expect(staged.code).toBe(0)
    expect((await cli(["cert-show", "staged"])).json()["environment"]).toBe("staging")
    expect((await cli(["cert-to-production", "wild"])).err).toMatch(/^invalid_state: /)
  })
})
