import type { Era } from "./version.ts"
import type { McpOperation } from "../../projections/mcp-policy.ts"

/** What the gateway found in a request on an MCP endpoint. */
export interface McpExchange {
  readonly era: Era
  /** May the answer carry a list that a policy shortens? Every stream that a GET opens may, for it can be a replay. */
  readonly lists: boolean
  /** What the policy was asked about. */
  readonly operations: readonly McpOperation[]
  readonly log: McpLog
  /** Where the tools that the answer lists are noted; undefined for everything but a modern `tools/list`. */
  readonly schemaPlace: string | undefined
  /** Are lists in the answer shortened by the policy? */
  shortened: boolean
}

/** The part of an access record that is about MCP. Names and methods are cut to a length that a log can bear. */
export interface McpLog {
  /** Method of the message, or of the first of a batch; null when there is none. */
  readonly method: string | null
  /** Tool or prompt that was asked for, or URI of a resource. */
  readonly name: string | null
  /** Rule that decided: its number in `mcp_policy` from 1, or `default`; null when the policy was not asked. */
  readonly rule: string | null
}

const longest = 256

/** @param operation the one that decided, or the first */
export function mcpLog(
  method: string | undefined,
  operation: McpOperation | undefined,
  rule: string | undefined,
): McpLog {
  return {
    method: method === undefined ? null : method.slice(0, longest),
    name: operation === undefined ? null : operation.name.slice(0, longest),
    rule: rule ?? null,
  }
}
