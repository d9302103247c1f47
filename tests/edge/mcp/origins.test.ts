import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"

let gate: GuardedEdge

beforeAll(async () => {
  gate = await guardedEdge()
})
beforeEach(() => {
  gate.backend.reset()
  gate.auth({})
  gate.mcp({})
})
afterAll(() => gate.close())

const policy = { default: "allow", rules: [{ kind: "tool", match: ["secret"], action: "deny" }] }

describe("a page of another origin", () => {
  const ping = { jsonrpc: "2.0", id: 1, method: "ping" }
  const from = (Origin: string, method = "POST") =>
    gate.call(method === "POST" ? ping : undefined, {
      method,
      headers: { Origin, ...(method === "OPTIONS" && { "Access-Control-Request-Method": "POST" }) },
      ...(method === "OPTIONS" && { token: null }),
    })

  it("is let in when it is on the list, or when all are", async () => {
    const app = "https://app.example.org"
    expect((await from(app)).status).toBe(403)
    expect((await from(app, "OPTIONS")).status).toBe(403)
    gate.mcp({ mcp_allowed_origins: [app] })
    gate.answers("{}", "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n")
    const { status, headers } = await from(app)
    expect([status, headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual([200, app, "Origin"])
    expect(headers.get("access-control-allow-credentials")).toBeNull()
    expect(headers.get("access-control-expose-headers")).toContain("Mcp-Session-Id")
    const preflight = await from(app, "OPTIONS")
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, app])
    for (const other of ["https://app.example.org:8443", "http://app.example.org", "https://evil.example", "null"])
      expect((await from(other)).status, other).toBe(403)
    gate.mcp({ mcp_allowed_origins: ["*"] })
    expect((await from("https://evil.example")).status).toBe(200)
    expect((await from("null")).status).toBe(403)
  })

  it("can read what it is refused with", async () => {
    gate.mcp({ mcp_allowed_origins: ["*"], mcp_policy: policy })
    const refused = await gate.call(
      { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "secret" } },
      { headers: { Origin: "https://app.example.org" } },
    )
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([
      403,
      "https://app.example.org",
    ])
  })

  it("does not matter where there is none: the answer still varies by it, and no foreign CORS header stays", async () => {
    gate.answers("{}", "Access-Control-Allow-Origin: *\r\n")
    const { headers } = await gate.call(ping)
    expect([headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual([null, "Origin"])
  })
})
