import {
  type ScopeHierarchy,
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

const holds = (granted: string[], needed: string[], own?: ScopeHierarchy) =>
  missingScopes(granted, needed, own).length === 0

describe("the hierarchy", () => {
  it("admin holds write and read, write holds read, and never the other way", () => {
    const order = ["mcp:read", "mcp:write", "mcp:admin"]
    for (const [have, granted] of order.entries())
      for (const [want, needed] of order.entries()) expect(holds([granted], [needed])).toBe(have >= want)
  })

  it("leaves every other scope flat, and names what is missing in the order asked", () => {
    expect(missingScopes(["mcp:admin", "files"], ["tools", "mcp:read", "files", "files:read"])).toEqual([
      "tools",
      "files:read",
    ])
    expect(holds([], [])).toBe(true)
    expect(holds(["mcp:*", "mcp"], ["mcp:read"])).toBe(false)
  })
})

describe("a hierarchy of a proxy's own", () => {
  const files = [
    { scope: "files:admin", includes: ["files:write"] },
    { scope: "files:write", includes: ["files:read", "mcp:read"] },
  ]

  it("holds at any depth, and never the other way", () => {
    expect(missingScopes(["files:admin"], ["files:write", "files:read", "mcp:read", "mcp:write"], files)).toEqual([
      "mcp:write",
    ])
    expect(missingScopes(["files:read"], ["files:write", "files:admin", "mcp:read"], files)).toHaveLength(3)
    expect(holds(["files:admin"], ["files:read"]), "without it").toBe(false)
  })

  it("leaves what it does not name as it is by default, and can make it flat", () => {
    expect(holds(["mcp:admin"], ["mcp:write", "mcp:read"], files)).toBe(true)
    expect(holds(["mcp:admin"], ["mcp:write", "mcp:read"], [])).toBe(true)
    const flat = [
      { scope: "mcp:admin", includes: [] },
      { scope: "mcp:write", includes: [] },
    ]
    expect(missingScopes(["mcp:admin", "mcp:write"], ["mcp:read"], flat)).toEqual(["mcp:read"])
    expect(missingScopes(["mcp:admin"], ["mcp:write"], flat)).toEqual(["mcp:write"])
    const short = [{ scope: "mcp:admin", includes: ["mcp:read"] }]
    expect(missingScopes(["mcp:admin"], ["mcp:write", "mcp:read"], short)).toEqual(["mcp:write"])
  })

  it("takes the names of scopes for nothing but names", () => {
    const odd = [{ scope: "constructor", includes: ["__proto__"] }]
    expect(holds(["constructor"], ["__proto__"], odd)).toBe(true)
    expect(holds(["toString"], ["__proto__"], odd)).toBe(false)
  })

  it("counts for the use of the resource", () => {
    const proxy = proxyWith({}, { mcp_scopes: ["files:read"], mcp_scope_hierarchy: files })
    expect(usable(["files:admin"], proxy, canonical)).toBe(true)
    expect(usable(["files:admin"], withScopes("files:read"), canonical)).toBe(false)
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
