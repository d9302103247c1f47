import type { ResourceProxy } from "./resource.ts"

/** What a scope includes besides itself. Everything else is flat. */
const included: ReadonlyMap<string, readonly string[]> = new Map([
  ["mcp:admin", ["mcp:write", "mcp:read"]],
  ["mcp:write", ["mcp:read"]],
])

/** Scope tokens of a space-separated list (RFC 6749 §3.3). */
export function scopeTokens(scope: string): string[] {
  return scope.split(" ").filter((token) => token !== "")
}

/** The needed scopes that are neither granted nor included in a granted one, in the order given. */
export function missingScopes(granted: readonly string[], needed: readonly string[]): string[] {
  const held = new Set(granted.flatMap((scope) => [scope, ...(included.get(scope) ?? [])]))
  return needed.filter((scope) => !held.has(scope))
}

/** Do the granted scopes hold every needed one, under `mcp:admin` ⊃ `mcp:write` ⊃ `mcp:read`? */
export function covers(granted: readonly string[], needed: readonly string[]): boolean {
  return missingScopes(granted, needed).length === 0
}

type Scoped = Pick<ResourceProxy, "mcp" | "resources">

/**
 * Scopes that tokens for a resource of a proxy may carry: those of its entry in the registry, else the proxy's `mcp_scopes`, or
 * the default pair where MCP was never set. `offline_access` is no scope of a resource.
 * @param uri normal form
 */
export function resourceScopes(proxy: Scoped, uri: string): readonly string[] {
  const entry = proxy.resources.find((resource) => resource.uri === uri)
  const scopes = entry?.scopes ?? proxy.mcp?.mcp_scopes ?? ["mcp:read", "mcp:write"]
  return scopes.filter((scope) => scope !== "offline_access")
}

/** What a challenge asks for: all scopes of the resource but administration, unless there is nothing else. */
export function usableScopes(proxy: Scoped, uri: string): readonly string[] {
  const scopes = resourceScopes(proxy, uri)
  const plain = scopes.filter((scope) => scope !== "mcp:admin")
  return plain.length > 0 ? plain : scopes
}

/**
 * May a token with these scopes use the resource at all? It must hold at least one of its scopes, by itself or
 * through the hierarchy; which one an operation needs is the business of the tool policy behind this check. A resource
 * whose list names no scope asks for none.
 */
export function usable(granted: readonly string[], proxy: Scoped, uri: string): boolean {
  const scopes = resourceScopes(proxy, uri)
  return scopes.length === 0 || missingScopes(granted, scopes).length < scopes.length
}
