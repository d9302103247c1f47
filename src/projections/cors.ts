const exposed = "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version, Retry-After, DPoP-Nonce"
const requestHeaders: ReadonlySet<string> = new Set(
  "authorization content-type accept mcp-protocol-version mcp-session-id mcp-method mcp-name last-event-id dpop".split(
    " ",
  ),
)
const paramHeader = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]+$/

/**
 * CORS headers of an answer on the MCP endpoint, errors included: without them a browser client cannot read the 401.
 * @param origin an allowed origin, or undefined when the request named none
 */
export function corsHeaders(origin: string | undefined): readonly string[] {
  if (origin === undefined) return ["Vary", "Origin"]
  return ["Access-Control-Allow-Origin", origin, "Access-Control-Expose-Headers", exposed, "Vary", "Origin"]
}

/**
 * Headers that answer a preflight (Fetch §4.8) on the MCP endpoint: of the headers asked for, those that MCP uses. Flat.
 * @param requested `Access-Control-Request-Headers`
 */
export function preflightHeaders(origin: string, requested: string | undefined): readonly string[] {
  const asked = (requested ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => requestHeaders.has(name) || paramHeader.test(name))
  return [
    "Access-Control-Allow-Origin",
    origin,
    "Access-Control-Allow-Methods",
    "GET, POST, DELETE",
    ...(asked.length > 0 ? ["Access-Control-Allow-Headers", asked.join(", ")] : []),
    "Access-Control-Max-Age",
    "600",
    "Vary",
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
  ]
}
