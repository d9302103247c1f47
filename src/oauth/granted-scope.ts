import { resourceScopes, scopeTokens } from "../projections/scope.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { RequestedResource } from "./requested-resource.ts"
import { ScopeToken } from "../events/values.ts"
import { protectedProxies } from "./requested-resource.ts"

/** Asks for a refresh token (OpenID Connect Core §11); no scope of a resource. */
export const offlineAccess = "offline_access"
const builtIn = ["mcp:read", "mcp:write", "mcp:admin"]

/** Every scope that this authorization server knows. */
export function supportedScopes(server: AuthorizationServer): string[] {
  const configured = protectedProxies(server).flatMap(resourceScopes)
  return [...new Set([...builtIn, ...configured, offlineAccess])]
}

/**
 * Scopes to grant: what was asked for (default: everything on offer), what the client registered, and what all its resources
 * have in common. `mcp:admin` is nobody's, for there is no rule that gives it to someone.
 * @throws OAuthError `invalid_scope` when nothing is left
 */
export function grantedScope(
  asked: string | undefined,
  client: Client,
  resources: readonly RequestedResource[],
): readonly string[] {
  const registered = client.metadata.scope === undefined ? undefined : scopeTokens(client.metadata.scope)
  const offered = commonScopes(resources).filter((scope) => scope !== "mcp:admin")
  const wanted = asked === undefined ? offered : requestedScopes(asked)
  const granted = [...offered, offlineAccess].filter(
    (scope) => wanted.includes(scope) && (registered === undefined || registered.includes(scope)),
  )
  if (granted.length === 0) throw new OAuthError("invalid_scope", "none of the requested scopes can be granted")
  return granted
}

/** @throws OAuthError `invalid_scope` for what is no list of scope tokens (RFC 6749 §3.3) */
export function requestedScopes(scope: string): string[] {
  const tokens = scopeTokens(scope)
  if (scope.length > 2048 || !tokens.every((token) => ScopeToken.safeParse(token).success))
    throw new OAuthError("invalid_scope", "scope must be a list of scope tokens")
  return [...new Set(tokens)]
}

function commonScopes(resources: readonly RequestedResource[]): readonly string[] {
  const [first, ...others] = resources.map(({ proxy }) => resourceScopes(proxy))
  if (first === undefined) return ["mcp:read", "mcp:write"]
  return first.filter((scope) => others.every((scopes) => scopes.includes(scope)))
}

/** A client gets refresh tokens when it registered the grant, or when `offline_access` was granted. */
export function mayRefresh(client: Client | undefined, scope: readonly string[]): boolean {
  return client?.metadata.grant_types.includes("refresh_token") === true || scope.includes(offlineAccess)
}
