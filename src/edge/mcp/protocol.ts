import { type Era, eraOf, knownVersions, unnamedVersion } from "./version.ts"
import { type McpBody, type McpMessage, type RpcFault, invalidRequest } from "./message.ts"
import { decodeHeaderValue, isSafeValue } from "./header-value.ts"

/** Headers of a request on an MCP endpoint, by name. */
export interface McpHeaders {
  readonly version: string | undefined
  readonly method: string | undefined
  readonly name: string | undefined
  readonly sessionId: string | undefined
  /** `Mcp-Param-…` by what follows the prefix, in lower case. */
  readonly params: ReadonlyMap<string, string>
  /** Lower-case name of one that stands twice. */
  readonly repeated: string | undefined
}

/** MCP 2026-07-28, Error Codes. */
export const headerMismatch = -32020
const unsupportedVersion = -32022

const paramPrefix = "mcp-param-"
const none: ReadonlyMap<string, string> = new Map()

/** Of a request without any. */
const noHeaders: McpHeaders = {
  version: undefined,
  method: undefined,
  name: undefined,
  sessionId: undefined,
  params: none,
  repeated: undefined,
}

/** Collects the `Mcp-…` headers in one pass. */
export function readMcpHeaders(rawHeaders: readonly string[]): McpHeaders {
  let found: Map<string, string> | undefined
  let params: Map<string, string> | undefined
  let repeated: string | undefined
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at]!
    if (raw.length < 8 || (raw.charCodeAt(0) | 32) !== 109 || raw[3] !== "-") continue
    const name = raw.toLowerCase()
    if (!name.startsWith("mcp-")) continue
    found ??= new Map()
    if (found.has(name)) repeated ??= name
    found.set(name, rawHeaders[at + 1]!)
    if (name.startsWith(paramPrefix))
      (params ??= new Map<string, string>()).set(name.slice(paramPrefix.length), rawHeaders[at + 1]!)
  }
  if (found === undefined) return noHeaders
  return {
    version: found.get("mcp-protocol-version"),
    method: found.get("mcp-method"),
    name: found.get("mcp-name"),
    sessionId: found.get("mcp-session-id"),
    params: params ?? none,
    repeated,
  }
}

/**
 * What is wrong with the revision that a request names (MCP 2026-07-28, Protocol Version Header). A request without the header
 * speaks 2025-03-26; `initialize` negotiates, so for it any legacy revision will do.
 * @param allowed revisions that the proxy lets pass; all known ones when undefined
 */
export function versionFault(
  version: string | undefined,
  allowed: readonly string[] | undefined,
  initialize = false,
): RpcFault | undefined {
  const supported = allowed ?? knownVersions
  const named = version ?? unnamedVersion
  if (eraOf(named) !== undefined && supported.includes(named)) return undefined
  if (version === undefined && initialize && supported.some((one) => eraOf(one) === "legacy")) return undefined
  const requested = isSafeValue(named) ? named.slice(0, 64) : ""
  return { code: unsupportedVersion, message: "Unsupported protocol version", data: { supported, requested } }
}

/**
 * The revisions that a request without a handshake can go on with: legacy ones cannot be reached from it, and the server behind
 * may not have them. All, where the proxy lets no other pass.
 */
function statelessOnly({ code, message, data }: RpcFault): RpcFault {
  const { supported, requested } = data as { supported: readonly string[]; requested: string }
  const modern = supported.filter((version) => eraOf(version) === "modern")
  return { code, message, data: { supported: modern.length > 0 ? modern : supported, requested } }
}

/** Era of a request whose version passed. */
export function eraOfRequest(headers: Pick<McpHeaders, "version">): Era {
  return eraOf(headers.version ?? unnamedVersion) ?? "legacy"
}

/**
 * Do headers and body of a POST say the same (MCP 2026-07-28, Server Validation)? One check after the other, the first that fails
 * answers. Legacy requests need none of the headers, but what they carry must not contradict the body: a backend might believe it.
 * @param allowed revisions that the proxy lets pass
 */
export function protocolFault(
  headers: McpHeaders,
  { messages, batch }: McpBody,
  allowed: readonly string[] | undefined,
): RpcFault | undefined {
  const [first] = messages
  const id = batch ? undefined : first?.id
  if (headers.repeated !== undefined) return mismatch(`${headers.repeated} stands twice`, id)
  if (headers.version === undefined && messages.some(namesAnother))
    return mismatch("MCP-Protocol-Version is missing, and the body's _meta names a revision", id)
  const initialize = !batch && first?.method === "initialize"
  const fault = versionFault(headers.version, allowed, initialize)
  if (fault !== undefined) return { ...(messages.some(namesAnother) ? statelessOnly(fault) : fault), id }
  const era = eraOfRequest(headers)
  if (batch && (headers.version ?? unnamedVersion) !== unnamedVersion)
    return { code: invalidRequest, message: "Invalid request: this revision has no batches" }
  for (const message of messages) {
    const text = messageFault(headers, message, era)
    if (text !== undefined) return mismatch(text, id)
  }
  return undefined
}

/** The downgrade guard: a body of another revision must not pass as one without the header. */
const namesAnother = ({ version }: McpMessage) => version !== undefined && version !== unnamedVersion

function mismatch(text: string, id: string | undefined): RpcFault {
  return { code: headerMismatch, message: `Header mismatch: ${text}`, id }
}

function messageFault(headers: McpHeaders, message: McpMessage, era: Era): string | undefined {
  const { kind, version } = message
  if (kind === "response") return undefined
  // In the legacy era no message names a revision: one that does asks to be taken for what its header denies.
  if (version !== undefined && version !== (headers.version ?? unnamedVersion))
    return "MCP-Protocol-Version and the body's _meta name different revisions"
  const required = era === "modern" && kind === "request"
  return methodFault(headers, message, required) ?? nameFault(headers, message, required)
}

function methodFault({ method }: McpHeaders, message: McpMessage, required: boolean): string | undefined {
  if (method === undefined) return required ? "Mcp-Method is missing" : undefined
  if (!isSafeValue(method)) return "Mcp-Method holds characters that no header may hold"
  return method === message.method ? undefined : "Mcp-Method is not the body's method"
}

/** Methods whose `Mcp-Name` is required, and the member of `params` that it repeats. */
const named: ReadonlyMap<string, string> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
])

function nameFault({ name }: McpHeaders, { method, params }: McpMessage, required: boolean): string | undefined {
  const source = named.get(method)
  if (name === undefined) {
    // Without a name in the body there is nothing to repeat; that error is the backend's.
    const due = required && source !== undefined && params[source] !== undefined
    return due ? "Mcp-Name is missing" : undefined
  }
  const decoded = decodeHeaderValue(name)
  if (decoded === undefined) return "Mcp-Name cannot be decoded"
  if (source !== undefined) return decoded === params[source] ? undefined : `Mcp-Name is not the body's ${source}`
  // What an extension repeats in it is not known here, but it must be something that the body says.
  const said = Object.values(params).includes(decoded)
  return said ? undefined : "Mcp-Name is nothing that the body says"
}
