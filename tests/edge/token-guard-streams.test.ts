import { fold, goodClaims, proxyWith } from "../support/access-tokens.ts"
import { describe, expect, it } from "vitest"
import { freshWorld, world, clock, guard, mcp, bearer, check } from "./guarded-proxy.ts"

freshWorld()

describe("an open stream", () => {
  const identity = () => {
    const verdict = check(mcp, bearer())
    if (!verdict.pass || verdict.identity === null) throw new Error("refused")
    return verdict.identity
  }

  it("stays while nothing changed, and past the token's time", () => {
    const who = identity()
    expect(guard.stillAllowed(mcp, who)).toBe(true)
    clock.seconds = goodClaims.exp + 1
    expect(guard.stillAllowed(mcp, who)).toBe(true)
  })

  it("ends when the grant is revoked, in every mode", () => {
    const who = identity()
    fold(world, "grant", "grant-0001", "GrantRevoked", { reason: "user" })
    expect(guard.stillAllowed(mcp, who)).toBe(false)
    expect(guard.stillAllowed(proxyWith({ auth_mode: "passthrough" }), who)).toBe(false)
  })

  it("ends when the proxy is switched off or its rule is tightened, groups included", () => {
    const who = identity()
    expect(guard.stillAllowed({ ...mcp, enabled: false }, who)).toBe(false)
    expect(guard.stillAllowed(proxyWith({ auth_required_groups: ["acme/ops"] }), who)).toBe(false)
    expect(guard.stillAllowed(proxyWith({ auth_required_groups: ["acme/dev"] }), who)).toBe(true)
    expect(guard.stillAllowed(proxyWith(null), who)).toBe(true)
  })

  it("of an identity that this guard never met is not allowed", () => {
    expect(guard.stillAllowed(mcp, { ...identity() })).toBe(false)
  })
})
