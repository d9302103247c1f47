import { fold, goodClaims, proxyWith } from "../support/access-tokens.ts"
import { type World } from "../../src/events/world.ts"
import { describe, expect, it } from "vitest"
import { freshWorld, key, world, clock, mcp, bearer, refused, renewWorld } from "./guarded-proxy.ts"

freshWorld()

describe("what was remembered", () => {
  it("ends with the token's time", () => {
    const headers = bearer()
    expect(refused(mcp, headers)).toBe("passed")
    clock.seconds = goodClaims.exp
    expect(refused(mcp, headers)).toEqual([401, "expired", "invalid_token"])
  })

  it("ends with grant, client or key, from the very next request", () => {
    const headers = bearer()
    const ends: ((world: World) => void)[] = [
      (world) => fold(world, "grant", "grant-0001", "GrantRevoked", { reason: "user" }),
      (world) => fold(world, "client", "mcp_client1", "ClientDeleted", { reason: "x" }),
      (world) => fold(world, "signing-key", key.kid, "SigningKeyRetired", { reason: "x" }),
    ]
    for (const end of ends) {
      renewWorld()
      expect(refused(mcp, headers)).toBe("passed")
      end(world)
      expect(refused(mcp, headers)).toMatchObject([401, {}, "invalid_token"])
      expect(refused(mcp, headers)).toMatchObject([401, {}, "invalid_token"])
    }
  })

  it("never opens another proxy, and follows each change of its own", () => {
    const headers = bearer()
    const other = { ...mcp, hostname: "other.example.com" }
    const closed = proxyWith({ auth_required_users: [] })
    for (let round = 0; round < 3; round++) {
      expect(refused(mcp, headers)).toBe("passed")
      expect(refused(other, headers)).toEqual([401, "wrong_audience", "invalid_token"])
      expect(refused(closed, headers)).toEqual([403, "user_not_allowed", "no challenge"])
      expect(refused({ ...mcp, auth: { ...mcp.auth!, auth_proxy: "x.example.com" } }, headers)).toEqual([
        401,
        "wrong_issuer",
        "invalid_token",
      ])
    }
  })

  it("does not make a changed token good", () => {
    const [name, value] = bearer()
    expect(refused(mcp, [name!, value!])).toBe("passed")
    for (const change of [value!.slice(0, -1), `${value}A`, `${value}=`, value!.replace("Bearer ", "Bearer A")])
      expect(refused(mcp, [name!, change])).toMatchObject([401, {}, "invalid_token"])
  })

  it("is bounded: more tokens than fit are still judged rightly", () => {
    for (let at = 0; at < 250; at++) {
      const scope = at % 2 === 0 ? "mcp:read" : "nothing"
      const headers = bearer({ ...goodClaims, jti: `jti-${at}`, scope })
      const expected = at % 2 === 0 ? "passed" : [403, "insufficient_scope", "insufficient_scope"]
      expect([refused(mcp, headers), refused(mcp, headers)]).toEqual([expected, expected])
    }
  })
})
