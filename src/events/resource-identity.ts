import type { Proxy } from "./proxy.ts"

/** The two forms of a proxy's resource identifier (RFC 8707, RFC 9728). Without MCP both are the origin. */
export interface ResourceIdentity {
  /** `https://host[:port]` */
  readonly origin: string
  /** `https://host[:port]/mcp`: origin and MCP endpoint */
  readonly canonical: string
}

/**
 * Resource identity of a proxy: the one place that metadata, authorize, token, guard, challenge and registry ask.
 * @param publicHttpsPort port that clients see
 */
export function resourceIdentity(proxy: Pick<Proxy, "hostname" | "mcp">, publicHttpsPort: number): ResourceIdentity {
  const origin = `https://${proxy.hostname}${publicHttpsPort === 443 ? "" : `:${publicHttpsPort}`}`
  const endpoint = proxy.mcp?.mcp_enabled ? proxy.mcp.mcp_endpoint : ""
  return { origin, canonical: normalResource(origin + endpoint) ?? origin }
}

/**
 * Comparable form of a resource identifier: scheme and host in lower case, default port and one trailing slash dropped,
 * path kept exactly. Undefined for what is no absolute http(s) URI, and for one with a fragment or user information.
 */
export function normalResource(value: string): string | undefined {
  const match = /^(https?):\/\/([^/?#@\s\\]+)((?:[/?][^#\s\\]*)?)$/i.exec(value)
  if (match === null || !URL.canParse(value)) return undefined
  const [, scheme, authority, rest] = match as unknown as [string, string, string, string]
  const lower = scheme.toLowerCase()
  const host = authority.toLowerCase().replace(lower === "https" ? /:443$/ : /:80$/, "")
  return `${lower}://${host}${rest.endsWith("/") ? rest.slice(0, -1) : rest}`
}
