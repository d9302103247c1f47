import { type TestEdge, testEdge } from "../../support/edge.ts"
import { addGrant, addKey, defaultMcp, goodClaims, instant, openAuth, signed } from "../../support/access-tokens.ts"
import { type Recorder, recorder } from "../../support/recorder.ts"
import { accessTokens } from "../../../src/projections/access-token.ts"
import { testProjections } from "../../support/projections.ts"
import { tokenGuard } from "../../../src/edge/token-guard.ts"

/** An edge with the real guard in front of a recorder, for the MCP host `mcp.example.com`. */
export interface GuardedEdge {
  readonly edge: TestEdge
  readonly backend: Recorder
  /** What the edge and its guard take for now. */
  readonly clock: { seconds: number }
  /** Replaces the MCP settings; null removes them. */
  mcp(settings: Record<string, unknown> | null): void
  auth(settings: Record<string, unknown>): void
  /** A token whose claims differ from the good ones. */
  token(claims?: Record<string, unknown>): string
  /** POSTs a JSON-RPC message; `token: null` sends none. */
  call(message: unknown, options?: CallOptions): Promise<Answer>
  /** What the backend answers from now on. */
  answers(body: string, head?: string, status?: string): void
  close(): Promise<void>
}

export interface CallOptions {
  readonly token?: string | null
  readonly headers?: Record<string, string>
  readonly method?: string
  /** `/mcp` by default. */
  readonly path?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; undefined when it is none. */
  readonly json:
    | { id?: unknown; error?: { code: number; message: string; data?: { code?: string } }; result?: never }
    | undefined
}

const host = "mcp.example.com"

export async function guardedEdge(env: Record<string, string> = {}, target?: number): Promise<GuardedEdge> {
  const backend = await recorder()
  const projections = testProjections()
  const key = await addKey(projections.world, "RS256")
  addGrant(projections.world)
  const clock = { seconds: instant }
  const now = () => clock.seconds * 1000
  const guard = tokenGuard({
    tokens: accessTokens({ world: () => projections.world, now }),
    settings: { publicHttpsPort: 443, MCP_RESOURCE_VALIDATION_STRICT: true },
    now,
  })
  const edge = await testEdge(
    { PUBLIC_HTTPS_PORT: "443", ...env },
    { projections, guard, clock: () => new Date(now()) },
  )
  edge.proxy(host, target ?? backend.port)
  const set = (type: string, data: unknown) => void projections.append("proxy", host, type, data)
  set("ProxyAuthSet", openAuth)
  set("ProxyMcpSet", defaultMcp)
  const self: GuardedEdge = {
    edge,
    backend,
    clock,
    mcp: (settings) =>
      settings === null ? set("ProxyMcpRemoved", {}) : set("ProxyMcpSet", { ...defaultMcp, ...settings }),
    auth: (settings) => set("ProxyAuthSet", { ...openAuth, ...settings }),
    token: (claims = {}) => signed(key, { ...goodClaims, ...claims }),
    async call(message, { token = self.token(), headers = {}, method = "POST", path = "/mcp" } = {}) {
      const { request } = await import("node:http")
      return await new Promise<Answer>((resolve, reject) => {
        const req = request(
          {
            host: "127.0.0.1",
            port: edge.httpPort,
            path,
            method,
            headers: {
              Host: host,
              ...(message !== undefined && { "Content-Type": "application/json" }),
              ...(token !== null && { Authorization: `Bearer ${token}` }),
              ...headers,
            },
          },
          (res) => {
            let text = ""
            res.setEncoding("utf8")
            res.on("data", (chunk: string) => (text += chunk))
            res.on("error", reject)
            res.on("end", () =>
              resolve({ status: res.statusCode!, headers: flat(res.rawHeaders), text, json: parsed(text) }),
            )
          },
        )
        req.on("error", reject)
        req.end(message === undefined ? undefined : JSON.stringify(message))
      })
    },
    answers(body, head = "Content-Type: application/json\r\n", status = "200 OK") {
      backend.respond = ({ socket }) =>
        void socket.write(`HTTP/1.1 ${status}\r\n${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    },
    async close() {
      await edge.close(0)
      await backend.close()
    },
  }
  return self
}

const version = "2026-07-28"

/** A message of the modern era, and how it is sent. */
export function modern(
  message: { readonly method: string; readonly params?: object },
  headers: Record<string, string> = {},
): [message: object, options: CallOptions] {
  const meta = { "io.modelcontextprotocol/protocolVersion": version }
  return [
    { ...message, params: { ...message.params, _meta: meta } },
    { headers: { "MCP-Protocol-Version": version, "Mcp-Method": message.method, ...headers } },
  ]
}

function flat(raw: readonly string[]): Headers {
  const headers = new Headers()
  for (let at = 0; at < raw.length; at += 2) headers.append(raw[at]!, raw[at + 1]!)
  return headers
}

function parsed(text: string): Answer["json"] {
  try {
    return JSON.parse(text) as Answer["json"]
  } catch {
    return undefined
  }
}
