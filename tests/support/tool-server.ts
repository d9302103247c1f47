import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http"
import { McpServer as LegacyServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js"
import { McpServer as ModernServer, createMcpHandler } from "@modelcontextprotocol/server"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { once } from "node:events"
import { randomUUID } from "node:crypto"
import { Readable } from "node:stream"

/** An MCP server with a few tools, prompts and resources, made with an official SDK. */
export interface ToolServer {
  readonly port: number
  readonly url: string
  /** Tools that were carried out, in order. */
  readonly carriedOut: string[]
  stop(): Promise<void>
}

const tools = ["read_file", "delete_file", "delete_all"]

/** Legacy era with sessions, of `@modelcontextprotocol/sdk`. */
export function sessionServer(): Promise<ToolServer> {
  return listening((carriedOut) => {
    const sessions = new Map<string, StreamableHTTPServerTransport>()
    return async (req, res) => {
      const id = req.headers["mcp-session-id"]
      const known = typeof id === "string" ? sessions.get(id) : undefined
      if (known !== undefined) return known.handleRequest(req, res)
      if (id !== undefined) return void res.writeHead(404).end()
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (made) => void sessions.set(made, transport),
      })
      const server = new LegacyServer({ name: "sessions", version: "1" })
      for (const name of tools)
        server.registerTool(name, { description: name }, () => {
          carriedOut.push(name)
          return { content: [{ type: "text", text: `${name} done` }] }
        })
      server.registerPrompt("greet", {}, () => ({ messages: [] }))
      server.registerPrompt("secret", {}, () => ({ messages: [] }))
      server.registerResource("open", "file:///open/a", {}, (uri) => ({ contents: [{ uri: uri.href, text: "open" }] }))
      server.registerResource("closed", "file:///closed/a", {}, (uri) => ({
        contents: [{ uri: uri.href, text: "no" }],
      }))
      server.registerResource("any", new ResourceTemplate("file:///closed/{name}", { list: undefined }), {}, (uri) => ({
        contents: [{ uri: uri.href, text: "no" }],
      }))
      await server.connect(transport)
      await transport.handleRequest(req, res)
    }
  })
}

/** Both eras, without sessions, of `@modelcontextprotocol/server`. */
export function dualEraServer(): Promise<ToolServer> {
  return listening((carriedOut) => {
    const handler = createMcpHandler(() => {
      const server = new ModernServer({ name: "both eras", version: "1" })
      for (const name of tools)
        server.registerTool(name, { description: name }, () => {
          carriedOut.push(name)
          return { content: [{ type: "text" as const, text: `${name} done` }] }
        })
      return server
    })
    return async (req, res) => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      const headers = new Headers()
      for (let at = 0; at < req.rawHeaders.length; at += 2) headers.append(req.rawHeaders[at]!, req.rawHeaders[at + 1]!)
      const gone = new AbortController()
      res.on("close", () => gone.abort())
      const answer = await handler.fetch(
        new Request(`http://${req.headers.host}${req.url}`, {
          method: req.method!,
          headers,
          signal: gone.signal,
          ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
        }),
      )
      res.writeHead(answer.status, Object.fromEntries(answer.headers))
      if (answer.body === null) return void res.end()
      Readable.fromWeb(answer.body as never)
        .on("error", () => res.destroy())
        .pipe(res)
    }
  })
}

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

async function listening(make: (carriedOut: string[]) => Handler): Promise<ToolServer> {
  const carriedOut: string[] = []
  const handle = make(carriedOut)
  const server: Server = createServer((req, res) => {
    handle(req, res).catch(() => res.destroy())
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    carriedOut,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
