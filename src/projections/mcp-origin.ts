import type { Proxy } from "../events/proxy.ts"

/**
 * May a web page of this origin call the MCP endpoint? Its own may, and those that its owner lists; `*` is every web page; `null`, which any
 * sandboxed frame may send, is none.
 * @param own origin of the host, lower case
 */
export function takesOrigin({ mcp }: Pick<Proxy, "mcp">, origin: string, own: string): boolean {
  if (origin.toLowerCase() === own) return true
  const allowed = mcp?.mcp_allowed_origins
  return allowed !== undefined && origin !== "null" && (allowed.includes(origin) || allowed.includes("*"))
}
