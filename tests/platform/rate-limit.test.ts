import { addressBlock, rateLimiter } from "../../src/platform/rate-limit.ts"
import { describe, expect, it } from "vitest"
import { GatehouseError } from "../../src/errors.ts"

const away = {
  count: () => Promise.reject(new GatehouseError("store_unavailable")),
  peek: () => Promise.reject(new GatehouseError("store_unavailable")),
}
const limit = { count: 2, windowMs: 60_000 }

describe("a limit while the store is away", () => {
  it("is kept by each node for itself", async () => {
    let now = 0
    const limiter = rateLimiter(away, () => now)
    await limiter.check("a", limit)
    await limiter.hit("a", limit)
    await limiter.hit("a", limit)
    await expect(limiter.check("a", limit)).rejects.toMatchObject({ code: "rate_limited" })
    await expect(limiter.hit("a", limit)).rejects.toMatchObject({ code: "rate_limited", extras: { retryAfter: 60 } })
    await limiter.hit("b", limit)
    now = 60_000
    await limiter.check("a", limit)
    await limiter.hit("a", limit)
  })

  it("lets faults through that are not the store's absence", async () => {
    const broken = { count: () => Promise.reject(new Error("broken")), peek: () => Promise.reject(new Error("broken")) }
    await expect(rateLimiter(broken, () => 0).hit("a", limit)).rejects.toThrow("broken")
  })
})

describe("an address", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::1", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("%s counts as %s", (address, block) => {
    expect(addressBlock(address)).toBe(block)
  })
})
