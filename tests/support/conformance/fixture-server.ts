import {
  McpServer,
  WebStandardStreamableHTTPServerTransport,
  createMcpHandler,
  createRequestStateCodec,
  hostHeaderValidationResponse,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from "@modelcontextprotocol/server"
import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import { registerDiagnosticTools, registerTalkingTools } from "./fixture-calls.ts"
import { registerPlainTools, registerPrompts, registerResources } from "./fixture-content.ts"
import { type Round, registerInputTools } from "./fixture-inputs.ts"
import { randomBytes, randomUUID } from "node:crypto"
import { Readable } from "node:stream"
import { once } from "node:events"

/** An MCP server with everything that the conformance suite asks a server for, in every revision. */
export interface FixtureServer {
  /** `http://127.0.0.1:<port>/mcp` */
  readonly url: string
  stop(): Promise<void>
}

interface FixtureSetup {
  /** Reads method, name and parameters from the body alone, whatever headers repeat of it: validates nothing. */
  readonly believing: boolean
  /** Names that it answers to besides those of this machine. */
  readonly hosts?: readonly string[]
}

/**
 * Starts it on the official SDK: sessions for the revisions with a handshake, one request at a time for 2026-07-28. */
export async function fixtureServer({ believing, hosts = [] }: FixtureSetup): Promise<FixtureServer> {
  const state = createRequestStateCodec<Round>({ key: randomBytes(32) })
  const create = () => {
    const capabilities = {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      logging: {},
      completions: {},
    }
    const hint = { ttlMs: 60_000, cacheScope: "public" as const }
    const cacheHints = { "tools/list": hint, "prompts/list": hint, "resources/list": hint }
    const options = { capabilities, cacheHints, requestState: { verify: state.verify } }
    const server = new McpServer({ name: "conformance-fixture", version: "1.0.0" }, options)
    registerPlainTools(server)
    registerTalkingTools(server)
    registerDiagnosticTools(server, modern.notify)
    registerInputTools(server, state)
    registerResources(server)
    registerPrompts(server)
    for (const method of ["resources/subscribe", "resources/unsubscribe"] as const)
      server.server.setRequestHandler(method, () => ({}))
    return server
  }
  const modern = createMcpHandler(create, { legacy: "reject" })
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>()

  async function legacy(request: Request, options: { parsedBody?: unknown }): Promise<Response> {
    const known = sessions.get(request.headers.get("mcp-session-id") ?? "")
    if (known !== undefined) return known.handleRequest(request, options)
    if (request.headers.has("mcp-session-id")) return new Response(null, { status: 404 })
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    })
    await create().connect(transport)
    return transport.handleRequest(request, options)
  }

  async function answer({ request, parsedBody }: Incoming): Promise<Response> {
    const options = parsedBody === undefined ? {} : { parsedBody }
    const foreign =
      hostHeaderValidationResponse(request, [...localhostAllowedHostnames(), ...hosts]) ??
      originValidationResponse(request, [...localhostAllowedOrigins(), ...hosts])
    if (foreign !== undefined) return foreign
    return (await isLegacyRequest(request, parsedBody)) ? legacy(request, options) : modern.fetch(request, options)
  }

  const listener = createServer((incoming, outgoing) => {
    const ended = new AbortController()
    outgoing.once("close", () => outgoing.writableFinished || ended.abort())
    void webRequest(incoming, believing, ended.signal)
      .then(answer)
      .then((response) => send(response, outgoing))
      .catch((error: unknown) => outgoing.destroy(error as Error))
  }).listen(0, "127.0.0.1")
  await once(listener, "listening")
  return {
    url: `http://127.0.0.1:${(listener.address() as { port: number }).port}/mcp`,
    async stop() {
      await modern.close()
      listener.closeAllConnections()
      listener.close()
      await once(listener, "close")
    },
  }
}

interface Incoming {
  readonly request: Request
  /** Undefined where it is no JSON: the SDK then reads, and refuses, the text itself. */
  readonly parsedBody: unknown
}

async function webRequest(incoming: IncomingMessage, believing: boolean, signal: AbortSignal): Promise<Incoming> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const headers = new Headers()
  for (let at = 0; at < incoming.rawHeaders.length; at += 2)
    headers.append(incoming.rawHeaders[at]!, incoming.rawHeaders[at + 1]!)
  const parsedBody = jsonOrNothing(body.toString())
  if (believing) agree(headers, parsedBody as Message | undefined)
  const url = `http://${incoming.headers.host ?? "127.0.0.1"}${incoming.url ?? "/"}`
  const method = incoming.method ?? "GET"
  return { request: new Request(url, { method, headers, signal, ...(body.length > 0 && { body }) }), parsedBody }
}

interface Message {
  readonly method?: unknown
  readonly params?: Record<string, unknown>
}

function jsonOrNothing(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** Makes the headers say what the body says, so that the SDK's own validation has nothing to find. */
function agree(headers: Headers, { method, params = {} }: Message = {}): void {
  const set = (header: string, value: unknown) =>
    typeof value === "string"
      ? headers.set(header, `=?base64?${Buffer.from(value).toString("base64")}?=`)
      : headers.delete(header)
  if (typeof method === "string") headers.set("mcp-method", method)
  if (method === "tools/call" || method === "prompts/get") set("mcp-name", params["name"])
  if (method === "resources/read") set("mcp-name", params["uri"])
  set("mcp-param-region", (params["arguments"] as Record<string, unknown> | undefined)?.["region"])
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  if (response.body === null) return void outgoing.end()
  outgoing.flushHeaders()
  const body = Readable.fromWeb(response.body as never)
  outgoing.once("close", () => body.destroy())
  body.on("error", () => outgoing.destroy()).pipe(outgoing)
}
