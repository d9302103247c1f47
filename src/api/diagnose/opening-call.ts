import { type Answered, type Reach, asked } from "./reach.ts"

/** The revision without a handshake that is asked for where there is none with one. */
const stateless = "2026-07-28"
/** What only servers of such revisions answer: header mismatch, missing capability, unsupported revision. */
const statelessErrors: readonly unknown[] = [-32020, -32021, -32022]
const clientInfo = { name: "gatehouse-doctor", version: "1" }

/**
 * The first call of an MCP client: `initialize`, and to a server that has no handshake `server/discover`.
 * @returns what was answered, or in words why nothing was
 */
export async function openingCall(reach: Reach, url: string, token?: string): Promise<Answered | string> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const first = await asked(reach, url, initialize(reach, authorization))
  if (typeof first === "string" || !isStateless(first)) return first
  return asked(reach, url, discover(authorization))
}

/** Who the server says that it is, and what it speaks, in the result of either. */
export function introduction(result: Readonly<Record<string, unknown>>): { name: unknown; revision: unknown } {
  const meta = result["_meta"] as Readonly<Record<string, { name?: unknown } | undefined>> | undefined
  const info = (result["serverInfo"] as { name?: unknown } | undefined) ?? meta?.["io.modelcontextprotocol/serverInfo"]
  const versions = result["supportedVersions"]
  return {
    name: info?.name,
    revision: result["protocolVersion"] ?? (Array.isArray(versions) ? versions[0] : undefined),
  }
}

function isStateless({ status, json }: Answered): boolean {
  const code = (json?.["error"] as { code?: unknown } | undefined)?.code
  return status >= 400 && status < 500 && statelessErrors.includes(code)
}

function initialize({ protocolVersion }: Reach, headers: Readonly<Record<string, string>>) {
  const params = { protocolVersion, capabilities: {}, clientInfo }
  return post("initialize", params, { "mcp-protocol-version": protocolVersion, ...headers })
}

function discover(headers: Readonly<Record<string, string>>) {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": stateless,
    "io.modelcontextprotocol/clientInfo": clientInfo,
    "io.modelcontextprotocol/clientCapabilities": {},
  }
  const own = { "mcp-protocol-version": stateless, "mcp-method": "server/discover" }
  return post("server/discover", { _meta: meta }, { ...own, ...headers })
}

function post(method: string, params: object, headers: Readonly<Record<string, string>>) {
  return {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  } as const
}
