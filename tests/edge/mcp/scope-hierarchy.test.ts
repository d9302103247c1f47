import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { extractWWWAuthenticateParams } from "@modelcontextprotocol/sdk/client/auth.js"

let gate: GuardedEdge
const own = {
  mcp_scopes: ["files:read", "files:admin"],
  mcp_scope_hierarchy: [{ scope: "files:admin", includes: ["files:read"] }],
  mcp_policy: { default: "allow", rules: [{ kind: "tool", match: ["read"], action: "allow", scopes: ["files:read"] }] },
}
const call = (scope: string) =>
  gate.call(
    { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "read", arguments: {} } },
    { token: gate.token({ scope }) },
  )

beforeAll(async () => {
  gate = await guardedEdge()
})
beforeEach(() => {
  gate.backend.reset()
  gate.mcp(own)
})
afterAll(() => gate.close())

describe("a scope that holds another one by the settings of the proxy", () => {
  it("opens the resource and what the policy wants the other for", async () => {
    expect((await call("files:admin")).status).toBe(200)
    gate.mcp({ ...own, mcp_scope_hierarchy: undefined })
    const flat = await call("files:admin")
    expect(flat.status).toBe(403)
    expect(extractWWWAuthenticateParams(new Response(null, { headers: flat.headers }))).toMatchObject({
      error: "insufficient_scope",
      scope: "files:read",
    })
  })

  it("counts for tokens that are out already, from the next request on", async () => {
    gate.mcp({ ...own, mcp_scopes: ["files:read"], mcp_scope_hierarchy: [] })
    expect((await call("files:admin")).status).toBe(403)
    gate.mcp({ ...own, mcp_scopes: ["files:read"] })
    expect((await call("files:admin")).status).toBe(200)
  })

  it("is not held by the other, and the scopes of MCP can be made flat", async () => {
    gate.mcp({ ...own, mcp_scopes: ["files:admin"], mcp_policy: undefined })
    expect((await call("files:read")).status).toBe(403)
    const rules = [{ kind: "tool", match: ["*"], action: "allow", scopes: ["mcp:read"] }]
    const mcp = { mcp_scopes: ["mcp:read", "mcp:write"], mcp_policy: { default: "deny", rules } }
    gate.mcp(mcp)
    expect((await call("mcp:write")).status).toBe(200)
    gate.mcp({ ...mcp, mcp_scope_hierarchy: [{ scope: "mcp:write", includes: [] }] })
    expect((await call("mcp:write")).status).toBe(403)
    expect((await call("mcp:write mcp:read")).status).toBe(200)
  })
})
