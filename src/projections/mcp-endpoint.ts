import type { ResourceProxy } from "./resource.ts"

const endpoints = new WeakMap<ResourceProxy, string>()

/**
 * Is this the MCP endpoint of its proxy? Every path counts that some backend takes for it: in other letter case, with a slash at
 * its end, with parameters. A rule that looks at one spelling must not be passed by another. Where a policy judges tools, what is
 * below counts too: routers that mount a handler at a path hand it everything below.
 * @param path canonical
 */
export function isMcpEndpoint(proxy: ResourceProxy, path: string): boolean {
  const { mcp } = proxy
  if (mcp?.mcp_enabled !== true) return false
  if (path === mcp.mcp_endpoint) return true
  // Whatever else is written for it is hardly shorter.
  if (path.length < mcp.mcp_endpoint.length - 1) return false
  let endpoint = endpoints.get(proxy)
  if (endpoint === undefined) endpoints.set(proxy, (endpoint = plain(mcp.mcp_endpoint)))
  const spelled = plain(path)
  if (spelled === endpoint) return true
  return mcp.mcp_policy !== undefined && endpoint !== "" && spelled.startsWith(`${endpoint}/`)
}

function plain(path: string): string {
  const lower = path.toLowerCase()
  const bare = lower.includes(";") ? lower.replace(/;[^/]*/g, "") : lower
  return bare.endsWith("/") ? bare.slice(0, -1) : bare
}
