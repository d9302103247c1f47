import { describe, expect, it } from "vitest"
import { mcpServer, api, info } from "./mcp-clients.ts"

mcpServer()

describe("the MCP endpoint", () => {
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: info },
  }
  const accept = { accept: "application/json, text/event-stream" }
  const open = (headers: Record<string, string>, token: string | null = api.adminToken, body: unknown = initialize) =>
    api.call("POST", "/mcp", body, { ...accept, ...headers }, token)

  it("wants a token", async () => {
    const none = await open({}, null)
    expect([none.status, none.headers.get("www-authenticate")]).toEqual([401, "Bearer"])
    const wrong = await open({}, "wrong")
    expect([wrong.status, wrong.headers.get("www-authenticate")]).toEqual([401, 'Bearer error="invalid_token"'])
    expect((await open({})).status).toBe(200)
  })

  it("answers no page of another origin", async () => {
    const own = `127.0.0.1:${api.port}`
    for (const origin of ["https://evil.example", "null", `http://evil.example:${api.port}`, "http://127.0.0.1:1", "x"])
      expect([origin, (await open({ origin })).status]).toEqual([origin, 403])
    expect((await open({ origin: `http://${own}` })).status).toBe(200)
  })

  it("has no sessions, and refuses what is no message", async () => {
    expect((await open({})).headers.get("mcp-session-id")).toBeNull()
    expect((await api.call("GET", "/mcp", undefined, { accept: "text/event-stream" })).status).toBe(405)
    expect((await api.call("DELETE", "/mcp")).status).toBe(405)
    expect((await open({}, api.adminToken, "{")).status).toBe(400)
    expect((await open({ "content-type": "text/plain" })).status).toBe(415)
    const large = await open({}, api.adminToken, { ...initialize, x: "a".repeat(1_100_000) })
    expect([large.status, large.headers.get("connection")]).toEqual([413, "close"])
  })
})
