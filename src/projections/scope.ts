import type { Proxy } from "../events/proxy.ts"

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

/**
 * Scopes that tokens for a proxy may carry: its `mcp_scopes`, or the default pair where MCP was never set.
 * `offline_access` is no scope of a resource.
 */
export function resourceScopes(proxy: Pick<Proxy, "mcp">): readonly string[] {
  return (proxy.mcp?.mcp_scopes ?? ["mcp:read", "mcp:write"]).filter((scope) => scope !== "offline_access")
}

/** What a challenge asks for: all scopes of the proxy but administration, unless there is nothing else. */
export function usableScopes(proxy: Pick<Proxy, "mcp">): readonly string[] {
  const scopes = resourceScopes(proxy)
  const plain = scopes.filter((scope) => scope !== "mcp:admin")
  return plain.length > 0 ? plain : scopes
}

/**
 * May a token with these scopes use the proxy at all? It must hold at least one of the proxy's scopes, by itself or
 * through the hierarchy; which one an operation needs is the business of the tool policy behind this check. A proxy
 * whose list names no scope of a resource asks for none.
 */
export function usable(granted: readonly string[], proxy: Pick<Proxy, "mcp">): boolean {
  const scopes = resourceScopes(proxy)
  return scopes.length === 0 || missingScopes(granted, scopes).length < scopes.length
}
