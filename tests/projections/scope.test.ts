import {
  covers,
  missingScopes,
  resourceScopes,
  scopeTokens,
  usable,
  usableScopes,
} from "../../src/projections/scope.ts"
import { describe, expect, it } from "vitest"
import { proxyWith } from "../support/access-tokens.ts"

const canonical = "https://mcp.example.com/mcp"
const withScopes = (...mcp_scopes: string[]) => proxyWith({}, { mcp_scopes })

describe("the hierarchy", () => {
  it("admin holds write and read, write holds read, and never the other way", () => {
    const order = ["mcp:read", "mcp:write", "mcp:admin"]
    for (const [have, granted] of order.entries())
      for (const [want, needed] of order.entries()) expect(covers([granted], [needed])).toBe(have >= want)
  })

  it("leaves every other scope flat, and names what is missing in the order asked", () => {
    expect(missingScopes(["mcp:admin", "files"], ["tools", "mcp:read", "files", "files:read"])).toEqual([
      "tools",
      "files:read",
    ])
    expect(covers([], [])).toBe(true)
    expect(covers(["mcp:*", "mcp"], ["mcp:read"])).toBe(false)
  })
})

describe("a scope list", () => {
  it("is split at blanks and nothing else", () => {
    expect(scopeTokens(" mcp:read  mcp:write ")).toEqual(["mcp:read", "mcp:write"])
    expect(scopeTokens("")).toEqual([])
    expect(scopeTokens("a,b\tc")).toEqual(["a,b\tc"])
  })
})

describe("the scopes of a proxy", () => {
  it("are its own, or the default pair", () => {
    expect(resourceScopes(withScopes("a", "offline_access"), canonical)).toEqual(["a"])
    expect(resourceScopes(proxyWith({}, null), canonical)).toEqual(["mcp:read", "mcp:write"])
  })

  it("that a challenge asks for leave out administration where something else is there", () => {
    expect(usableScopes(withScopes("mcp:read", "mcp:write", "mcp:admin"), canonical)).toEqual(["mcp:read", "mcp:write"])
    expect(usableScopes(withScopes("mcp:admin"), canonical)).toEqual(["mcp:admin"])
  })

  it("need at least one of them in a token, directly or through the hierarchy", () => {
    expect(usable(["mcp:read"], withScopes("mcp:read", "mcp:write"), canonical)).toBe(true)
    expect(usable(["mcp:admin"], withScopes("mcp:read"), canonical)).toBe(true)
    expect(usable(["mcp:read"], withScopes("mcp:write"), canonical)).toBe(false)
    expect(usable(["offline_access", "files"], withScopes("mcp:read"), canonical)).toBe(false)
    expect(usable([], withScopes("mcp:read"), canonical)).toBe(false)
  })
})
