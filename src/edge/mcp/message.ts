import { hasLookalike, idSources, lookalikes, readJson } from "./strict-json.ts"

/** A JSON-RPC message as far as the gateway looks at it. */
export interface McpMessage {
  /** `response`: answer of a legacy client to a request of the server; it has no method. */
  readonly kind: "request" | "notification" | "response"
  /** JSON text of the id, exactly as it came; undefined for a notification. */
  readonly id: string | undefined
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  /** `params._meta["io.modelcontextprotocol/protocolVersion"]`; undefined when absent. */
  readonly version: unknown
}

/** The body of a POST: one message, or for revision 2025-03-26 an array of them. */
export interface McpBody {
  readonly messages: readonly McpMessage[]
  readonly batch: boolean
}

/** A JSON-RPC error (§5.1) with what the gateway knows of the message that it answers. */
export interface RpcFault {
  readonly code: number
  readonly message: string
  readonly id?: string | undefined
  readonly data?: Readonly<Record<string, unknown>>
}

/** JSON-RPC's own codes (§5.1). */
const parseError = -32700
export const invalidRequest = -32600
export const invalidParams = -32602

/** Member of `_meta` that says a modern message's revision. */
const versionMember = "io.modelcontextprotocol/protocolVersion"

const longestId = 1024
const mostMessages = 100
const envelopeNames = lookalikes("jsonrpc", "id", "method", "params", "result", "error")
const paramNames = lookalikes("name", "uri", "_meta", "arguments", "notifications", "taskId", "protocolVersion")
const metaNames = lookalikes(versionMember)
const filterNames = lookalikes("resourceSubscriptions")

const faults = {
  not_utf8: "Parse error: the body is not UTF-8",
  not_json: "Parse error: the body is not JSON",
  too_deep: "Parse error: the body is nested too deeply",
  duplicate_key: "Invalid request: an object has the same member twice",
} as const

/**
 * Reads the body of a POST on an MCP endpoint so that the backend cannot read something else in it: what parsers take in
 * different ways is refused.
 */
export function readBody(bytes: Buffer): McpBody | RpcFault {
  const json = readJson(bytes)
  if (!json.ok)
    return { code: json.fault === "duplicate_key" ? invalidRequest : parseError, message: faults[json.fault] }
  const { value, text } = json
  const batch = Array.isArray(value)
  const items: readonly unknown[] = batch ? value : [value]
  if (items.length === 0 || items.length > mostMessages)
    return { code: invalidRequest, message: "Invalid request: the batch is empty or too long" }
  const ids = items.map(safeId)
  const exact = ids.includes("unsafe") ? exactIds(text, batch) : ids
  const messages: McpMessage[] = []
  for (const [at, item] of items.entries()) {
    const message = readMessage(item, exact[at])
    if ("code" in message) return message
    messages.push(message)
  }
  return { messages, batch }
}

/** JSON text of an item's id; `unsafe` for a number that only its digits tell, null for what no id may be. */
function safeId(item: unknown): string | null | undefined {
  const id = (item as { id?: unknown } | null)?.id
  if (id === undefined) return undefined
  if (typeof id === "string") return id.length > longestId || !id.isWellFormed() ? null : JSON.stringify(id)
  if (typeof id !== "number") return null
  return Number.isSafeInteger(id) ? String(id) : "unsafe"
}

function exactIds(text: string, batch: boolean): (string | null | undefined)[] {
  const { value, sources } = idSources(text)
  return (batch ? (value as unknown[]) : [value]).map((item) => {
    const id = safeId(item)
    if (id !== "unsafe") return id
    const source = sources.get(item)
    return source === undefined || source.length > longestId ? null : source
  })
}

function readMessage(item: unknown, id: string | null | undefined): McpMessage | RpcFault {
  if (!isObject(item) || id === null || item["jsonrpc"] !== "2.0")
    return { code: invalidRequest, message: "Invalid request: not a JSON-RPC 2.0 message" }
  const refuse = (message: string, code = invalidRequest): RpcFault => ({ code, message, id })
  if (hasLookalike(item, envelopeNames)) return refuse("Invalid request: a member's name differs in case alone")
  const { method, params = {} } = item
  if (method === undefined) {
    if (item["result"] === undefined && item["error"] === undefined) return refuse("Invalid request: no method")
    return { kind: "response", id, method: "", params: {}, version: undefined }
  }
  if (!isPlainText(method)) return refuse("Invalid request: the method is no plain text")
  if (!isObject(params)) return refuse("Invalid params: not an object", invalidParams)
  const { _meta: meta = {}, notifications = {} } = params
  if (!isObject(meta)) return refuse("Invalid params: _meta is not an object", invalidParams)
  if (
    hasLookalike(params, paramNames) ||
    hasLookalike(meta, metaNames) ||
    (isObject(notifications) && hasLookalike(notifications, filterNames))
  )
    return refuse("Invalid params: a member's name differs in case alone", invalidParams)
  for (const name of ["name", "uri"])
    if (params[name] !== undefined && !isPlainText(params[name]))
      return refuse(`Invalid params: ${name} is no plain text`, invalidParams)
  const kind = id === undefined ? "notification" : "request"
  return { kind, id, method, params, version: meta[versionMember] }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === "object" && !Array.isArray(value)
}

/** A text that no backend can cut short or repair into another one: well-formed, without control characters. */
function isPlainText(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed() && !/\p{Cc}/u.test(value)
}
