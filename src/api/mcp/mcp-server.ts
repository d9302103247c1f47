import { type AuthInfo, ProtocolError, ProtocolErrorCode, Server, createMcpHandler } from "@modelcontextprotocol/server"
import { type Destination, callTool, toResult } from "./call-tool.ts"
import type { Caller } from "../caller.ts"
import type { Endpoint } from "../endpoint.ts"
import { type Tool, listedTool, mayUse, toolsOf } from "./tool.ts"
import type { Logger } from "../../platform/log.ts"
import { problemResponse } from "../problem.ts"
import { randomUUID } from "node:crypto"

/** One MCP request that was authenticated. */
export interface McpCall {
  readonly request: Request
  readonly caller: Caller
  readonly ip: string | undefined
}

/** What the MCP server is made of. */
export interface McpParts {
  readonly endpoints: readonly Endpoint[]
  readonly version: string
  /** Bytes of a request's body. */
  readonly maxBody: number
  readonly log: Logger
  /** The REST side: answers a tool's request on behalf of the MCP request that asked for it. */
  readonly rest: (call: McpCall, ...request: Parameters<Destination["rest"]>) => Promise<Response>
}

const instructions = `Gatehouse is an HTTPS gateway for MCP servers; these tools manage it. You see the operations that your token may use.
A tool that removes something first only reports what would go: show that to the person you work for, and call it again with confirm: true once they agree.
Every change is recorded as an event with your token's name (listEvents). Results are those of the REST API; an error is its problem document: match on its code.`

/**
 * The admin API as an MCP server over Streamable HTTP, without sessions: revision 2026-07-28, and the older ones that open with
 * `initialize`. A fresh server answers each request, because what it offers depends on who asks.
 */
export function mcpServer(parts: McpParts): (call: McpCall) => Promise<Response> {
  const tools = toolsOf(parts.endpoints)
  const handler = createMcpHandler(({ authInfo }) => serverFor(authInfo?.extra?.["call"] as McpCall, tools, parts), {
    maxRequestBodySize: parts.maxBody,
    onerror: (error) => parts.log.debug("mcp_request_refused", { error: error.name }),
  })
  return (call) => {
    const authInfo: AuthInfo = { token: "", clientId: call.caller.name, scopes: [], extra: { call } }
    return handler.fetch(call.request, { authInfo })
  }
}

function serverFor(call: McpCall, tools: readonly Tool[], parts: McpParts): Server {
  const { version, endpoints, rest, log } = parts
  const server = new Server(
    { name: "gatehouse", title: "Gatehouse", version },
    { capabilities: { tools: {} }, instructions },
  )
  server.setRequestHandler("tools/list", () => ({
    tools: tools.filter((tool) => mayUse(tool, call.caller)).map(listedTool),
  }))
  server.setRequestHandler("tools/call", async ({ params }) => {
    const tool = tools.find(({ name }) => name === params.name)
    if (tool === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, "there is no such tool")
    const destination = { caller: call.caller, endpoints, rest: rest.bind(undefined, call) }
    try {
      return await callTool(tool, params.arguments ?? {}, destination)
    } catch (error) {
      return toResult(problemResponse(error, randomUUID(), log))
    }
  })
  return server
}
