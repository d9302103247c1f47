import { describe, expect, it } from "vitest"
import { fc } from "../../support/property.ts"
import { randomBytes } from "node:crypto"
import { sessionIds } from "../../../src/edge/mcp/session-ids.ts"

const masterKey = randomBytes(32)
const ids = sessionIds(masterKey)
const owner = { host: "mcp.example.com", subject: "github-1", clientId: "mcp_1" }

describe("the id of a legacy session", () => {
  it("comes back for its owner, on every node with the same master key", () => {
    const wrapped = ids.wrap("1868a90c-0b4c", owner)!
    expect(wrapped).toMatch(/^[\x21-\x7e]+$/)
    expect(ids.unwrap(wrapped, owner)).toBe("1868a90c-0b4c")
    expect(sessionIds(Buffer.from(masterKey)).unwrap(wrapped, { ...owner })).toBe("1868a90c-0b4c")
    expect(ids.unwrap(ids.wrap("a.b.c=~!", owner)!, owner)).toBe("a.b.c=~!")
  })

  it("is nothing for another person, client, host or key", () => {
    const wrapped = ids.wrap("s", owner)!
    // What was proven once is remembered, and for this binding alone.
    expect([ids.unwrap(wrapped, owner), ids.unwrap(wrapped, owner)]).toEqual(["s", "s"])
    for (const change of [
      { host: "other.example.com" },
      { subject: "github-2" },
      { clientId: "mcp_2" },
      { subject: "" },
    ])
      expect(ids.unwrap(wrapped, { ...owner, ...change })).toBeUndefined()
    expect(sessionIds(randomBytes(32)).unwrap(wrapped, owner)).toBeUndefined()
    const moved = { host: "mcp.example.comgithub-1", subject: "", clientId: "mcp_1" }
    expect(ids.unwrap(wrapped, moved)).toBeUndefined()
  })

  it("cannot be made up or changed", () => {
    const wrapped = ids.wrap("session", owner)!
    fc.assert(
      fc.property(fc.nat(wrapped.length - 1), fc.integer({ min: 33, max: 126 }), (at, code) => {
        const changed = wrapped.slice(0, at) + String.fromCharCode(code) + wrapped.slice(at + 1)
        expect(ids.unwrap(changed, owner)).toBe(changed === wrapped ? "session" : undefined)
      }),
      { numRuns: 2000 },
    )
    fc.assert(fc.property(fc.string(), (text) => ids.unwrap(text, owner) === undefined))
    for (const text of ["", "session", `${wrapped}x`, wrapped.slice(1), `${wrapped} `, wrapped.repeat(100)])
      expect(ids.unwrap(text, owner)).toBeUndefined()
  })

  it("is not wrapped when MCP does not allow it", () => {
    for (const id of ["", "a b", "ä", "a\n", "x".repeat(1025)]) expect(ids.wrap(id, owner)).toBeUndefined()
  })
})
