import type { McpKind, McpOperation } from "../../projections/mcp-policy.ts"
import { isObject } from "./message.ts"
import { parseLossless } from "./lossless-json.ts"

/** Is this hidden from the caller? */
export type Hides = (operation: McpOperation) => boolean

/** Lists that a result may carry: member of the result, and what in an entry names it. */
const lists: readonly (readonly [member: string, kind: McpKind, name: string])[] = [
  ["tools", "tool", "name"],
  ["prompts", "prompt", "name"],
  ["resources", "resource", "uri"],
  ["resourceTemplates", "resource", "uriTemplate"],
]

/**
 * Takes what is hidden out of a JSON-RPC message or a batch of them.
 * @returns the shortened text, or undefined when there is no list in it
 * @throws SyntaxError for what is no JSON
 */
export function filteredText(text: string, hides: Hides): string | undefined {
  // Most of a stream are notifications; the quick look spares them the parse.
  if (!lists.some(([member]) => text.includes(`"${member}"`)) && !text.includes("\\u")) return undefined
  const value = parseLossless(text)
  const results = [value]
    .flat()
    .flatMap((message) => (isObject(message) && isObject(message["result"]) ? [message["result"]] : []))
  let found = false
  for (const result of results) found = shorten(result, hides) || found
  return found ? JSON.stringify(value) : undefined
}

/** @returns whether there was a list */
function shorten(result: Record<string, unknown>, hides: Hides): boolean {
  let found = false
  for (const [member, kind, name] of lists) {
    const entries = result[member]
    if (!Array.isArray(entries)) continue
    found = true
    result[member] = entries.filter((entry: unknown) => {
      const named = isObject(entry) ? entry[name] : undefined
      return typeof named === "string" && !hides({ kind, name: named })
    })
  }
  // What one caller sees must not be kept for another (MCP 2026-07-28, Caching).
  if (found && "cacheScope" in result) result["cacheScope"] = "private"
  return found
}
