import { type RunningApi, runningApi } from "../running-api.ts"
import { afterAll, beforeAll } from "vitest"
import { Client } from "@modelcontextprotocol/client"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client"

/** What the tests need of either client. */
export interface McpClient {
  revision: string | undefined
  tools(): Promise<ListedTool[]>
  call(name: string, args?: Record<string, unknown>): Promise<Result>
  close(): Promise<void>
}

interface ListedTool {
  name: string
  description?: string | undefined
  inputSchema: { properties?: Record<string, object>; required?: string[] }
  annotations?: Record<string, unknown>
}

interface Result {
  isError?: boolean
  structuredContent?: Record<string, unknown>
  content: { type: string; text: string }[]
  _meta?: Record<string, unknown>
}

export let api: RunningApi
export let alice: string
export const info = { name: "test", version: "1" }
const url = () => new URL(`http://127.0.0.1:${api.port}/mcp`)
const requestInit = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

export async function modern(token: string): Promise<McpClient> {
  const client = new Client(info, { versionNegotiation: { mode: { pin: "2026-07-28" } } })
  await client.connect(new StreamableHTTPClientTransport(url(), { requestInit: requestInit(token) }))
  return {
    revision: client.getNegotiatedProtocolVersion(),
    tools: async () => (await client.listTools()).tools as ListedTool[],
    call: (name, args = {}) => client.callTool({ name, arguments: args }) as Promise<Result>,
    close: () => client.close(),
  }
}

export async function older(token: string): Promise<McpClient> {
  const client = new OlderClient(info)
  const transport = new OlderTransport(url(), { requestInit: requestInit(token) })
  await client.connect(transport)
  return {
    revision: transport.protocolVersion,
    tools: async () => (await client.listTools()).tools as ListedTool[],
    call: (name, args = {}) => client.callTool({ name, arguments: args }) as Promise<Result>,
    close: () => client.close(),
  }
}

/** Starts the API with an owner before the tests of a file, and stops it after. */
export function mcpServer(): void {
  beforeAll(async () => {
    api = await runningApi()
    alice = await api.token("alice")
  })
  afterAll(() => api.stop())
}
