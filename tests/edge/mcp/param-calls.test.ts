import { type GuardedEdge, guardedEdge, modern } from "./guarded-edge.ts"
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

const list = { jsonrpc: "2.0", id: 1, method: "tools/list", params: {} }

describe("a parameter that a tool wants in a header", () => {
  const call = (region: string, headers: Record<string, string> = {}) =>
    gate.call(
      ...modern(
        { ...list, method: "tools/call", params: { name: "sql", arguments: { region } } },
        { "Mcp-Name": "sql", ...headers },
      ),
    )
  const inputSchema = { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } }
  const schema = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools: [{ name: "sql", inputSchema }] } })

  it("is compared once a list was seen, and forwarded always", async () => {
    expect((await call("us", { "Mcp-Param-Region": "eu", "Mcp-Param-Unknown": "x" })).status).toBe(200)
    expect(gate.backend.requests.at(-1)!.headers).toContain("Mcp-Param-Unknown: x")
    gate.answers(`event: message\r\ndata: ${schema}\r\n\r\n`, "Content-Type: text/event-stream\r\n")
    await gate.call(...modern(list))
    gate.answers("{}")
    for (const headers of [{ "Mcp-Param-Region": "eu" }, undefined]) {
      const refused = await call("us", headers)
      expect([refused.status, refused.json?.id, refused.json?.error?.code]).toEqual([400, 1, -32020])
    }
    expect((await call("us", { "mcp-param-region": "us", "Mcp-Param-Unknown": "x" })).status).toBe(200)
    // Another backend may have another tool of that name.
    gate.edge.projections.append("proxy", "mcp.example.com", "ProxyUpdated", {
      target_url: `http://localhost:${gate.backend.port}`,
    })
    expect((await call("us")).status).toBe(200)
  })
})
