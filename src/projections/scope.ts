import type { ResourceProxy } from "./resource.ts"
import { inclusions } from "../events/scope-hierarchy.ts"

/** Scope tokens of a space-separated list (RFC 6749 §3.3). */
export function scopeTokens(scope: string): string[] {
  return scope.split(" ").filter((token) => token !== "")
}

/** What the scopes of a proxy hold, as its settings say; see {@link inclusions}. */
export type ScopeHierarchy = ReturnType<typeof hierarchyOf>

/** The hierarchy of a proxy's scopes; undefined where it has none of its own. */
export function hierarchyOf({ mcp }: Pick<ResourceProxy, "mcp">) {
  return mcp?.mcp_scope_hierarchy
}

/**
 * The needed scopes that are neither granted nor held by a granted one, in the order given.
 * @param hierarchy of the proxy that they are needed on
 */
export function missingScopes(
  granted: readonly string[],
  needed: readonly string[],
  hierarchy?: ScopeHierarchy,
): string[] {
  const held = heldScopes(granted, hierarchy)
  return needed.filter((scope) => !held.has(scope))
}

/** The granted scopes and all that they hold, at any depth. */
function heldScopes(granted: readonly string[], hierarchy: ScopeHierarchy): ReadonlySet<string> {
  const included = inclusions(hierarchy)
  const held = new Set(granted)
  // A set that grows while it is walked is walked to its new end.
  for (const scope of held) for (const inner of included.get(scope) ?? []) held.add(inner)
  return held
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
  return scopes.length === 0 || missingScopes(granted, scopes, hierarchyOf(proxy)).length < scopes.length
}
