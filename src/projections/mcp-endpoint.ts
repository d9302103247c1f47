import type { ResourceProxy } from "./resource.ts"

const endpoints = new WeakMap<ResourceProxy, string>()

/**
 * Is this the MCP endpoint of its proxy? Every path counts that some backend takes for it: in other letter case, with a slash at
 * its end, with parameters, behind escapes of escapes. A rule that looks at one spelling must not be passed by
 * another. Where a policy judges tools, what is below counts too, on the whole host where the endpoint is its root: routers that
 * mount a handler at a path hand it everything below.
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
  const below = mcp.mcp_policy === undefined ? undefined : `${endpoint}/`
  for (const spelled of spellings(path))
    if (spelled === endpoint || (below !== undefined && spelled.startsWith(below))) return true
  return false
}

// More layers are refused where targets are read.
const mostLayers = 4

/** What servers make of a path: backends behind backends take off more than one layer of escapes, and parameters before or after. */
function spellings(path: string): Iterable<string> {
  if (!path.includes("%")) return [plain(path)]
  const found = new Set<string>()
  let texts = [path]
  for (let layer = 0; layer <= mostLayers && texts.length > 0; layer += 1) {
    for (const text of texts) found.add(bare(text))
    const coded = texts.flatMap((text) => [text, withoutParameters(text)]).filter((text) => text.includes("%"))
    texts = [...new Set(coded)].map(unescaped)
  }
  return found
}

function unescaped(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Without what servers drop of what escapes had hidden: other slashes, blanks at the end, what looks like a query. */
function bare(text: string): string {
  const [place = ""] = text.replaceAll("\\", "/").split(/[?#\0]/, 1)
  const spelled = plain(place.replace(/\/{2,}/g, "/"))
  let end = spelled.length
  // By hand: an expression for the end tries each run of blanks anew from each of them.
  while (end > 0 && /[\s/]/.test(spelled[end - 1]!)) end -= 1
  return spelled.slice(0, end)
}

function plain(path: string): string {
  const bare = withoutParameters(path.toLowerCase())
  return bare.endsWith("/") ? bare.slice(0, -1) : bare
}

/** A segment of parameters alone leaves an empty one, which servers leave out. */
function withoutParameters(path: string): string {
  return path.includes(";") ? path.replace(/;[^/]*/g, "").replace(/\/{2,}/g, "/") : path
}
