import { type Installation, type Node, api, eventually, installation, startNode } from "../support/gatehouse.ts"
import { type Login, mcpLogin } from "../support/mcp-login.ts"
import { type ServerResponse, createServer } from "node:http"
import { afterAll, beforeAll, expect } from "vitest"
import type { AddressInfo } from "node:net"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { agent } from "../support/browser.ts"
import { endpoints } from "../../src/api/endpoint-table.ts"
import { fetch } from "undici"
import { once } from "node:events"
import { redisServer } from "../support/redis-server.ts"

/** A backend that is an MCP server as far as is needed here: it answers `initialize`, and GET opens a stream. */
const backend = createServer((request, response) => {
  if (request.method === "GET") return openStream(response)
  request.resume().on("end", () => {
    const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "backend", version: "1" } }
    response.setHeader("content-type", "application/json").end(JSON.stringify({ jsonrpc: "2.0", id: 1, result }))
  })
})

function openStream(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" })
  response.write(": open\n\n")
}

export type Json = Record<string, any> // oxlint-disable-line typescript/no-explicit-any
export let redis: Awaited<ReturnType<typeof redisServer>>
export let node: Node
let shared: Installation
export let root: string
export let alice: string
export let bob: string
export let login: Login
export let started: number
export const url = () => `https://mcp.test:${node.httpsPort}/mcp`

/** GET as the administrator or with another token; the body must be as the endpoint's schema says. */
export async function read(operationId: string, path: string, token: string = node.adminToken): Promise<Json> {
  const answer = await api<Json>(node.apiPort, token, "GET", `/api/v1/oauth/${path}`)
  expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).toBe(200)
  endpoints.find((endpoint) => endpoint.operationId === operationId)!.response.parse(answer.body)
  expect(JSON.stringify(answer.body)).not.toContain(login.tokens()?.access_token ?? "no token yet")
  expect(JSON.stringify(answer.body)).not.toContain(login.tokens()?.refresh_token ?? "no token yet")
  return answer.body
}

export const statusOf = async (path: string, token?: string, method = "GET", body?: unknown) =>
  (await api(node.apiPort, token ?? node.adminToken, method, `/api/v1/oauth/${path}`, body)).status

/** Lets the client forget its tokens and the same person, in the same browser, connect it. */
export async function signIn(): Promise<void> {
  ;(login.provider["saveTokens"] as (tokens: undefined) => void)(undefined)
  const connect = () =>
    new StreamableHTTPClientTransport(new URL(url()), {
      authProvider: login.provider as never,
      fetch: login.fetch,
    })
  const transport = connect()
  await expect(new Client({ name: "test", version: "1" }).connect(transport as never)).rejects.toThrow("Unauthorized")
  await transport.finishAuth(login.callback().searchParams.get("code")!)
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
}

export function call(token: string, init: { method?: string; host?: string } = {}) {
  const { method = "POST", host = "mcp.test" } = init
  return fetch(`https://${host}:${node.httpsPort}/mcp`, {
    method,
    dispatcher: agent(root),
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    ...(method === "POST" && { body: JSON.stringify(initialize) }),
  })
}

/** Another program of the same person. */
export async function signInAnew(): Promise<void> {
  login = mcpLogin(root, alice)
  await signIn()
}

/** Starts a node with two owners, a protected MCP host of each and a person who may sign in, before the tests of a file; stops it after. */
export function oauthInstallation(): void {
  beforeAll(async () => {
    started = Date.now()
    redis = await redisServer()
    backend.listen(0, "127.0.0.1")
    await once(backend, "listening")
    shared = installation(redis.url)
    node = await startNode(shared, { OAUTH_JWT_ALGORITHM: "ES256", TARGET_ALLOW_CIDRS: "127.0.0.0/8" })
    alice = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "alice" })).body.token
    bob = (await node.api<{ token: string }>("POST", "/api/v1/tokens", { name: "bob" })).body.token
    const target_url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
    for (const [hostname, owner] of [
      ["mcp.test", "alice"],
      ["other.test", "bob"],
    ] as const) {
      const created = await node.api("POST", "/api/v1/proxy/targets", { hostname, target_url, owner })
      if (created.status !== 201) throw new Error(JSON.stringify(created.body))
      await node.api("POST", `/api/v1/proxy/targets/${hostname}/auth`, { auth_proxy: "auth.localhost" })
      await node.api("POST", `/api/v1/proxy/targets/${hostname}/mcp`, {})
    }
    root = await eventually("the internal CA has certified every host", async () => {
      const { body } = await node.api<{ certificates: { cert_name: string; serving: boolean }[] }>(
        "GET",
        "/api/v1/certificates",
      )
      if (body.certificates.length < 3 || !body.certificates.every(({ serving }) => serving)) return false
      const one = await node.api<{ fullchain_pem: string }>(
        "GET",
        `/api/v1/certificates/${body.certificates[0]!.cert_name}`,
      )
      return one.body.fullchain_pem.match(/-----BEGIN[^]*?END CERTIFICATE-----/g)!.at(-1)
    })
    login = mcpLogin(root, alice)
  })
  afterAll(async () => {
    await node?.stop()
    await redis?.stop()
    backend.closeAllConnections()
    backend.close()
  })
}
