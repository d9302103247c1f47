import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { rawExchange, statuses } from "../../support/raw-client.ts"
import { type GuardedEdge, guardedEdge } from "./guarded-edge.ts"

let gate: GuardedEdge

beforeAll(async () => {
  gate = await guardedEdge()
})
beforeEach(() => {
  gate.backend.reset()
  gate.auth({})
})
afterAll(() => gate.close())

const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "delete_all" } })
const post = async (path: string, claims: object = {}) =>
  statuses(
    await rawExchange(
      gate.edge.httpPort,
      `POST ${path} HTTP/1.1\r\nHost: mcp.example.com\r\nAuthorization: Bearer ${gate.token({ ...claims })}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    ),
  )
const below = ["/mcp/x", "/mcp/messages?session=1", "/mcp//x", "/MCP/x", "/mcp;a=b/x", "/mcp/x/y/", "/%6dcp/x"]

it.each(below)("where a policy judges tools, %s is judged as the endpoint is", async (path) => {
  gate.mcp({ mcp_policy: { default: "allow", rules: [{ kind: "tool", match: ["delete_*"], action: "deny" }] } })
  expect(await post(path)).toEqual([403])
  expect(gate.backend.requests).toEqual([])
})

it("without a policy, and beside the endpoint, paths are streamed as they are", async () => {
  gate.mcp({})
  expect(await post("/mcp/x")).toEqual([200])
  gate.mcp({ mcp_policy: { default: "deny", rules: [] } })
  expect(await post("/mcpx")).toEqual([200])
  expect(await post("/other/mcp")).toEqual([200])
  expect(await post("/mcp/x")).toEqual([403])
})

it.each(["/%256dcp", "/%25256D%2563p", "/mcp%253bx"])(
  "%s is the endpoint to backends that unescape twice",
  async (path) => {
    gate.mcp({ mcp_policy: { default: "deny", rules: [] } })
    expect(await post(path)).toEqual([403])
    expect(gate.backend.requests).toEqual([])
  },
)

it("where the endpoint is the root of the host, a policy covers every path", async () => {
  const forOrigin = { aud: ["https://mcp.example.com"] }
  gate.mcp({ mcp_endpoint: "/", mcp_policy: { default: "deny", rules: [] } })
  for (const path of ["/", "/x", "/mcp", "/a/b/"]) expect(await post(path, forOrigin), path).toEqual([403])
  expect(gate.backend.requests).toEqual([])
  gate.mcp({ mcp_endpoint: "/" })
  expect(await post("/x", forOrigin)).toEqual([200])
})
