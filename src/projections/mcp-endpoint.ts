import type { ResourceProxy } from "./resource.ts"

const endpoints = new WeakMap<ResourceProxy, string>()

/**
 * Is this the MCP endpoint of its proxy? Every path counts that some backend takes for it: in other letter case, with a slash at
 * its end, with parameters, behind escapes of escapes. A rule that looks at one spelling must not be passed by another. Where a policy judges tools, what is
 * below counts too, on the whole host where the endpoint is its root: routers that mount a handler at a path hand it everything below.
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
  return mcp.mcp_policy !== undefined && spelled.startsWith(`${endpoint}/`)
}

function plain(path: string): string {
  const lower = (path.includes("%") ? unescaped(path) : path).toLowerCase()
  const bare = lower.includes(";") ? lower.replace(/;[^/]*/g, "") : lower
  return bare.endsWith("/") ? bare.slice(0, -1) : bare
}

// More layers are refused where targets are read.
const mostLayers = 4

/** Without any layer of escapes: backends behind backends take off more than one. */
function unescaped(path: string): string {
  let text = path
  for (let layer = 0; layer < mostLayers && text.includes("%"); layer += 1)
    text = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return text.replace(/\/{2,}/g, "/")
}
