import { acmeSite } from "./acme-site.ts"
import { beforeAll, describe, expect, test } from "vitest"
import { createInternalAuthority, signCertificate } from "../../src/effects/internal-authority.ts"
import type { Fault } from "../support/acme-relay.ts"
import { generateKey } from "../../src/effects/keys.ts"

const site = acmeSite()
let foreignChain: string

beforeAll(async () => {
  const now = new Date()
  const authority = await createInternalAuthority(now)
  foreignChain = await signCertificate(authority, ["bad.example.com"], await generateKey("ecdsa-p256", 0), now)
})

describe("a CA that misbehaves", () => {
  test("most nonces refused: every certificate is issued at the first attempt", async () => {
    await site.pebble.kill()
    // More than the library's own five tries; that none of a hundred calls has thirty-six of them in vain is certain.
    await site.pebble.start({ PEBBLE_WFE_NONCEREJECT: "65" })
    const node = await site.start()
    const names = Array.from({ length: 6 }, (_, index) => `nonce${index}`)
    await Promise.all(names.map((name) => site.request(node, name, [`${name}.example.com`])))
    for (const name of names) await site.reaches(node, name, "completed")
    expect(names.map((name) => node.history(name).filter((type) => type === "CertificateAttemptFailed"))).toEqual(
      names.map(() => []),
    )
    await site.pebble.kill()
    await site.pebble.start()
  })

  test.each<[string, Fault]>([
    ["cut", { kind: "cut-after" }],
    ["an error", { kind: "rewrite", body: () => "" }],
  ])("the answer to finalize lost (%s): the order tells, and nothing is finalized twice", async (_name, fault) => {
    const node = await site.start()
    let lost = 0
    site.relay.fault = (_method, path) => (path.startsWith("/finalize-order") && lost++ === 0 ? fault : undefined)
    await site.request(node, "lost", ["lost.example.com"])
    await site.reaches(node, "lost", "completed")
    await site.served(node, "lost", ["lost.example.com"])
    expect([lost, site.finalizations(), site.orders()]).toEqual([1, 1, 1])
  })

  test("the account forgotten: one is registered again, and the certificate comes in the same attempt", async () => {
    const node = await site.start()
    await site.request(node, "before", ["before.example.com"])
    await site.reaches(node, "before", "completed")
    await site.pebble.kill()
    await site.pebble.start()
    await site.request(node, "after", ["after.example.com"])
    await site.reaches(node, "after", "completed")
    expect(node.certificate("after").generation.attempt).toBe(1)
  })

  test("429 with Retry-After: the hold is recorded, and other names go on", async () => {
    const node = await site.start()
    const limited = { type: "urn:ietf:params:acme:error:rateLimited", detail: "too many certificates" }
    site.relay.fault = (_method, path) =>
      path === "/order-plz" && site.orders() === 1
        ? {
            kind: "answer",
            status: 429,
            headers: { "retry-after": "7200", "content-type": "application/problem+json" },
            body: JSON.stringify(limited),
          }
        : undefined
    await site.request(node, "held", ["held.example.com"])
    await site.reaches(node, "held", "waiting_retry")
    await site.request(node, "free", ["free.example.com"])
    await site.reaches(node, "free", "completed")
    const { next_attempt_at, last_error, step } = node.certificate("held").generation
    expect(last_error).toEqual({ code: "acme_rate_limited", detail: "rateLimited: too many certificates" })
    expect(step).toBe("order")
    const seconds = (Date.parse(next_attempt_at!) - Date.now()) / 1000
    expect(seconds).toBeGreaterThan(7180)
    expect(seconds).toBeLessThanOrEqual(7200)
  })

  test("down: the attempt is repeated when it is due, without a person", async () => {
    await site.pebble.kill()
    const node = await site.start()
    await site.request(node, "down", ["down.example.com"])
    await site.reaches(node, "down", "waiting_retry")
    const { last_error, next_attempt_at } = node.certificate("down").generation
    expect(last_error!.code).toBe("acme_unreachable")
    expect(Math.round((Date.parse(next_attempt_at!) - Date.now()) / 10_000)).toBeLessThanOrEqual(6)
    await site.pebble.start()
    node.clock.offset = 61_000
    await site.reaches(node, "down", "completed")
    expect(node.certificate("down").generation.attempt).toBe(2)
  })

  test("a blocked name: failed for good, in the CA's words", async () => {
    const node = await site.start()
    await site.request(node, "blocked", ["blocked.example"])
    await site.reaches(node, "blocked", "failed")
    const { last_error, next_attempt_at } = node.certificate("blocked").generation
    expect(next_attempt_at).toBeNull()
    expect(last_error!.code).toBe("acme_order_invalid")
    expect(last_error!.detail).toContain("rejectedIdentifier")
  })

  test("a validation that fails names the host and the reason", async () => {
    const node = await site.start()
    await site.pebble.dns("add-a", { host: "wrong.example.com", addresses: ["127.0.0.2"] })
    await site.request(node, "wrong", ["wrong.example.com"])
    await site.reaches(node, "wrong", "waiting_retry")
    const { last_error, step, challenges } = node.certificate("wrong").generation
    expect(last_error).toMatchObject({
      code: "acme_authorization_failed",
      detail: expect.stringContaining("wrong.example.com"),
    })
    expect([step, challenges]).toEqual(["validation", []])
  })

  test.each<[string, (text: string) => string]>([
    ["garbage", () => "<html>maintenance</html>"],
    ["the chain of somebody else", () => foreignChain],
  ])("%s instead of the chain: nothing is served of it", async (_name, body) => {
    const node = await site.start()
    site.relay.fault = (_method, path) => (path.startsWith("/certZ") ? { kind: "rewrite", body } : undefined)
    await site.request(node, "bad", ["bad.example.com"])
    await site.reaches(node, "bad", "waiting_retry")
    expect(node.certificate("bad").generation.last_error!.code).toBe("acme_bad_answer")
    expect(node.certificate("bad").material).toBeNull()
  })

  test("a bad chain once: the next attempt fetches the same order's again", async () => {
    const node = await site.start()
    let bad = 0
    site.relay.fault = (_method, path) =>
      path.startsWith("/certZ") && bad++ === 0 ? { kind: "rewrite", body: () => "garbage" } : undefined
    await site.request(node, "once", ["once.example.com"])
    await site.reaches(node, "once", "waiting_retry")
    node.clock.offset = 61_000
    await site.reaches(node, "once", "completed")
    await site.served(node, "once", ["once.example.com"])
    expect([site.orders(), site.finalizations()]).toEqual([1, 1])
  })

  test("an order that somebody else finalized: the next attempt makes a new one", async () => {
    const node = await site.start()
    let downloads = 0
    site.relay.fault = (_method, path) =>
      path.startsWith("/certZ") && downloads++ < 2 ? { kind: "rewrite", body: () => foreignChain } : undefined
    await site.request(node, "foreign", ["bad.example.com"])
    await site.reaches(node, "foreign", "waiting_retry")
    node.clock.offset = 61_000
    await site.reaches(node, "foreign", "completed")
    await site.served(node, "foreign", ["bad.example.com"])
    expect([site.orders(), node.certificate("foreign").generation.attempt]).toEqual([2, 2])
  })

  test.each(["unauthorized", "userActionRequired"])(
    "a new order refused as %s: a new account is registered",
    async (type) => {
      const node = await site.start()
      const problem = { type: `urn:ietf:params:acme:error:${type}`, detail: "the account is not valid" }
      site.relay.fault = (_method, path) =>
        path === "/order-plz" && site.orders() === 1
          ? { kind: "answer", status: 403, body: JSON.stringify(problem) }
          : undefined
      await site.request(node, "account", ["account.example.com"])
      await site.reaches(node, "account", "completed")
      expect(site.relay.seen.filter((line) => line === "POST /sign-me-up")).toHaveLength(2)
      expect(node.certificate("account").generation.attempt).toBe(1)
    },
  )

  test("hanging: the attempt ends, and what it held is free for others", async () => {
    const node = await site.start({ ACME_HTTP_TIMEOUT: "1", CERT_GEN_MAX_WORKERS: "1" })
    site.relay.fault = () => ({ kind: "hang" })
    await site.request(node, "hang", ["hang.example.com"])
    await site.reaches(node, "hang", "waiting_retry", 15_000)
    site.relay.fault = () => undefined
    await site.request(node, "next", ["next.example.com"])
    await site.reaches(node, "next", "completed")
  })
})
