import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http"
import { afterEach } from "vitest"
import type { AddressInfo } from "node:net"
import { diagnose } from "../../../src/api/diagnose/diagnose.ts"
import { once } from "node:events"
import { reach } from "../../../src/api/diagnose/reach.ts"

type Answer = { status?: number; headers?: Record<string, string>; body?: unknown }
export type Answers = Record<string, (origin: string, request: IncomingMessage) => Answer | Promise<Answer>>
let server: Server | undefined
export const metadata = "/.well-known/oauth-protected-resource"
const open = { "access-control-allow-origin": "*" }

/** An MCP server and its authorization server in one, as they should be; a real listener on loopback. */
export const good: Answers = {
  "POST /mcp": (origin, { headers }) => {
    if (headers.authorization === "Bearer good")
      return {
        body: { jsonrpc: "2.0", id: 1, result: { serverInfo: { name: "stub" }, protocolVersion: "2025-06-18" } },
      }
    const error = headers.authorization === undefined ? "" : 'error="invalid_token", '
    return {
      status: 401,
      headers: { "www-authenticate": `Bearer ${error}resource_metadata="${origin}${metadata}/mcp"` },
    }
  },
  [`GET ${metadata}/mcp`]: (origin) => ({
    headers: open,
    body: { resource: `${origin}/mcp`, authorization_servers: [origin] },
  }),
  [`GET ${metadata}`]: (origin) => ({ headers: open, body: { resource: origin, authorization_servers: [origin] } }),
  "GET /.well-known/oauth-authorization-server": (origin) => ({ headers: open, body: serverMetadata(origin) }),
  "GET /.well-known/openid-configuration": (origin) => ({ headers: open, body: serverMetadata(origin) }),
  "GET /jwks": () => ({ body: { keys: [{ kty: "EC" }] } }),
  "POST /register": () => ({ status: 201, body: { client_id: "c" } }),
  "GET /authorize": () => ({ headers: { "content-type": "text/html" }, body: "sign in" }),
  "OPTIONS /token": () => ({ status: 204, headers: open }),
}

function serverMetadata(origin: string) {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    jwks_uri: `${origin}/jwks`,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
  }
}

export const metadataWith = (change: (origin: string) => object): Answers => {
  const answer = (origin: string) => ({ headers: open, body: { ...serverMetadata(origin), ...change(origin) } })
  return { "GET /.well-known/oauth-authorization-server": answer, "GET /.well-known/openid-configuration": answer }
}

async function serve(answers: Answers): Promise<string> {
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const origin = `http://127.0.0.1:${(server!.address() as AddressInfo).port}`
    const answer = answers[`${request.method} ${new URL(request.url!, origin).pathname}`]
    const {
      status = 200,
      headers = {},
      body = {},
    } = answer === undefined ? { status: 404 } : await answer(origin, request)
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(typeof body === "string" ? body : JSON.stringify(body))
  }
  server = createServer((request, response) => void handle(request, response)).listen(0, "127.0.0.1")
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export const own = { serves: () => false, address: "127.0.0.1", port: () => 0, internalCa: () => undefined }

export async function examine(
  answers: Answers,
  path = "/mcp",
  token?: string,
  allow: (address: string) => boolean = () => true,
) {
  const origin = await serve({ ...good, ...answers })
  const calls = await reach({ own, allow, signal: AbortSignal.timeout(15_000) })
  try {
    return await diagnose(calls, origin + path, token, Date.now())
  } finally {
    await calls.close()
  }
}

/** Stops the server after each test of a file. */
export function standInServer(): void {
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })
}
