import { describe, expect, it } from "vitest"
import { identityHeaders } from "../../src/edge/identity-headers.ts"
import type { AccessTokenClaims } from "../../src/projections/access-token-claims.ts"
import { fc } from "../support/property.ts"
import { goodClaims } from "../support/access-tokens.ts"

const headers = (change: Partial<AccessTokenClaims>) => {
  const flat = identityHeaders("X-Auth-", { ...goodClaims, ...change })
  if (flat === undefined) return undefined
  return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]!]] : [])))
}

describe("identity headers", () => {
  it("tell the backend who calls", () => {
    expect(headers({})).toEqual({
      "X-Auth-User-Id": "github-583231",
      "X-Auth-User-Name": "Octocat",
      "X-Auth-User-Email": "octocat@example.com",
      "X-Auth-User-Groups": "acme,acme/dev",
      "X-Auth-Scopes": "mcp:read mcp:write",
      "X-Auth-Client-Id": "mcp_client1",
    })
  })

  it("have the proxy's prefix, every one, so that the prefix is all that must be taken from clients", () => {
    const names = identityHeaders("X-Who-", goodClaims)!.filter((_, at) => at % 2 === 0)
    expect(names).toHaveLength(6)
    expect(names.every((name) => name.startsWith("X-Who-"))).toBe(true)
  })

  it("leave out what the token does not tell", () => {
    const { username: _u, email: _e, ...machine } = goodClaims
    const flat = identityHeaders("X-Auth-", { ...machine, groups: [] })!
    expect(flat).not.toContain("X-Auth-User-Name")
    expect(flat).not.toContain("X-Auth-User-Email")
    expect(flat).not.toContain("X-Auth-User-Groups")
  })

  it("percent-encode what is not ASCII, a percent sign, and a comma in a group", () => {
    expect(headers({ username: "Jürgen 100%", groups: ["a,b", "日本"] })).toMatchObject({
      "X-Auth-User-Name": "J%C3%BCrgen 100%25",
      "X-Auth-User-Groups": "a%2Cb,%E6%97%A5%E6%9C%AC",
    })
  })

  it("are refused as a whole when a value cannot be sent", () => {
    for (const odd of [
      "a\r\nX-Auth-User-Id: root",
      "a\nb",
      "a\0",
      "a\u007f",
      "a\u0085",
      " a",
      "a ",
      "\u00a0a",
      "\ud800",
    ]) {
      expect(headers({ username: odd }), JSON.stringify(odd)).toBeUndefined()
      expect(headers({ email: odd })).toBeUndefined()
      expect(headers({ groups: ["x", odd] })).toBeUndefined()
    }
    for (const odd of ["a\nb", "ä", " a", "a\t"]) {
      expect(headers({ sub: odd })).toBeUndefined()
      expect(headers({ scope: odd })).toBeUndefined()
      expect(headers({ client_id: odd })).toBeUndefined()
    }
  })

  it("never hold anything but visible ASCII and inner blanks, and names come back whole", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", minLength: 1 }),
        fc.array(fc.string({ unit: "grapheme", minLength: 1 }), { minLength: 1 }),
        (username, groups) => {
          const sent = headers({ username, groups })
          if (sent === undefined) return
          for (const value of Object.values(sent)) expect(value).toMatch(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/)
          expect(decodeURIComponent(sent["X-Auth-User-Name"]!)).toBe(username)
          expect(sent["X-Auth-User-Groups"]!.split(",").map(decodeURIComponent)).toEqual(groups)
        },
      ),
    )
  })
})
