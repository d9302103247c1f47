import type { Era } from "./version.ts"
import type { McpOperation } from "../../projections/mcp-policy.ts"

/** What the gateway found in a request on an MCP endpoint. */
export interface McpExchange {
  era: Era
  /** JSON text of the request's id; undefined while it is not known, and for batches and notifications. */
  id: string | undefined
  /** Is it part of a legacy session? */
  session: boolean
  /** May the answer carry a list that a policy shortens? Every stream that a GET opens may, for it can be a replay. */
  lists: boolean
  /** What the policy was asked about. */
  operations: readonly McpOperation[]
  log: McpLog
  /** Where the tools that the answer lists are noted; undefined for everything but a modern `tools/list`. */
  schemaPlace: string | undefined
  /** Are lists in the answer shortened by the policy? */
  shortened: boolean
}

/**
 * The part of an access record that is about MCP. Names and methods are cut to a length that a log can bear, and a URI to what is no
 * credential: neither userinfo nor query.
 */
export interface McpLog {
  /** Method of the message, or of the first of a batch; null when there is none. */
  readonly method: string | null
  /** Tool or prompt that was asked for, or URI of a resource. */
  readonly name: string | null
  /** Rule that decided: its number in `mcp_policy` from 1, or `default`; null when the policy was not asked. */
  readonly rule: string | null
}

const longest = 256
const nothing: McpLog = { method: null, name: null, rule: null }

/** A request of which only the headers are known. */
export function newMcpExchange(era: Era): McpExchange {
  return {
    era,
    id: undefined,
    session: false,
    lists: false,
    operations: [],
    log: nothing,
    schemaPlace: undefined,
    shortened: false,
  }
}

/** @param operation the one that decided, or the first */
export function mcpLog(method: string, operation: McpOperation | undefined, rule: string | undefined): McpLog {
  return {
    method: method === "" ? null : method.slice(0, longest),
    name: operation === undefined ? null : loggedName(operation),
    rule: rule ?? null,
  }
}

function loggedName({ kind, name }: McpOperation): string {
  const shown = kind === "resource" ? name.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//") : name
  return shown.slice(0, longest)
}
