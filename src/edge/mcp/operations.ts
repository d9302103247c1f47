import { type McpMessage, type RpcFault, invalidParams, isObject } from "./message.ts"
import type { McpOperation } from "../../projections/mcp-policy.ts"

/**
 * What a message asks of the server that a policy has rules for. A notification is judged like a request: some server may carry
 * it out. An operation without a name is judged under an empty one.
 */
export function operationsOf({ method, params, id }: McpMessage): readonly McpOperation[] | RpcFault {
  const text = (value: unknown) => (typeof value === "string" ? value : "")
  switch (method) {
    case "tools/call":
      return [{ kind: "tool", name: text(params["name"]) }]
    case "prompts/get":
      return [{ kind: "prompt", name: text(params["name"]) }]
    case "resources/read":
    case "resources/subscribe":
      return [{ kind: "resource", name: text(params["uri"]) }]
    case "subscriptions/listen": {
      const filter = params["notifications"]
      const uris = isObject(filter) ? filter["resourceSubscriptions"] : undefined
      if (uris === undefined) return []
      if (!Array.isArray(uris) || !uris.every((uri): uri is string => typeof uri === "string"))
        return { code: invalidParams, message: "Invalid params: resourceSubscriptions is no list of URIs", id }
      return uris.map((name) => ({ kind: "resource", name }))
    }
    default:
      return []
  }
}

const lists: ReadonlySet<string> = new Set(["tools/list", "prompts/list", "resources/list", "resources/templates/list"])

/** Does the answer to this message carry a list that a policy may shorten? */
export function asksForList({ method }: McpMessage): boolean {
  return lists.has(method)
}
