import { resourceScopes, scopeTokens } from "../projections/scope.ts"
import { resourceIdentity } from "../projections/resource.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Client } from "../events/oauth-client.ts"
import { OAuthError } from "./oauth-error.ts"
import type { RequestedResource } from "./requested-resource.ts"
import { ScopeToken } from "../events/values.ts"
import { findResource, protectedProxies } from "./requested-resource.ts"
import type { Proxy } from "../events/proxy.ts"
import { type User, personOf } from "./user.ts"
import { ruleFault } from "../projections/access-rule.ts"

/** Asks for a refresh token (OpenID Connect Core §11); no scope of a resource. */
export const offlineAccess = "offline_access"
const administration = "mcp:admin"
const builtIn = ["mcp:read", "mcp:write", "mcp:admin"]

/** Every scope that this authorization server knows. */
export function supportedScopes(server: AuthorizationServer): string[] {
  const configured = protectedProxies(server).flatMap((proxy) => [
    ...resourceScopes(proxy, resourceIdentity(proxy, server.config.publicHttpsPort).canonical),
    ...proxy.resources.flatMap(({ scopes }) => scopes),
  ])
  return [...new Set([...builtIn, ...configured, offlineAccess])]
}

/**
 * Scopes to ask somebody for: what was asked for (default: everything on offer but administration), what an administrator
 * registered the client for, and what all its resources have in common. `mcp:admin` is on offer only where a rule gives it to someone.
 * @throws OAuthError `invalid_scope` when nothing is left
 */
export function grantedScope(
  asked: string | undefined,
  client: Client,
  resources: readonly RequestedResource[],
): readonly string[] {
  // What a client says about itself is what it needs first: the MCP SDKs register the scopes of their first challenge, and a limit
  // made of that would forbid every step-up. A limit is what an administrator registered.
  const limit = client.kind === "dynamic" || client.kind === "cimd" ? undefined : client.metadata.scope
  const registered = limit === undefined ? undefined : scopeTokens(limit)
  const ruled = (scope: string) =>
    resources.length > 0 && resources.every(({ proxy }) => rulesFor(proxy, scope).length > 0)
  const offered = commonScopes(resources).filter((scope) => scope !== administration || ruled(scope))
  const wanted = asked === undefined ? offered.filter((scope) => scope !== administration) : requestedScopes(asked)
  const granted = [...offered, offlineAccess].filter(
    (scope) => wanted.includes(scope) && (registered === undefined || registered.includes(scope)),
  )
  if (granted.length === 0) throw new OAuthError("invalid_scope", "none of the requested scopes can be granted")
  return granted
}

/**
 * The scopes that this person may have on every one of the resources. Without a rule about it a scope is for everybody who may
 * pass, and administration for nobody.
 * @param refusal error when nothing is left: `access_denied` where a person is told, `invalid_scope` at the token endpoint
 * @throws OAuthError
 */
export function scopeFor(
  server: AuthorizationServer,
  user: User,
  clientId: string,
  scope: readonly string[],
  resources: readonly string[],
  refusal: "access_denied" | "invalid_scope" = "invalid_scope",
): readonly string[] {
  const proxies = resources.flatMap((uri) => findResource(server, uri)?.proxy ?? [])
  const person = personOf(user, clientId)
  const allowed = scope.filter((item) =>
    proxies.every((proxy) => {
      const rules = rulesFor(proxy, item)
      return rules.length === 0 ? item !== administration : rules.some((rule) => ruleFault(rule, person) === undefined)
    }),
  )
  if (allowed.length === 0) throw new OAuthError(refusal, "this account may have none of the scopes")
  return allowed
}

function rulesFor({ mcp }: Pick<Proxy, "mcp">, scope: string) {
  return (mcp?.mcp_scope_rules ?? [])
    .filter((rule) => rule.scope === scope)
    .map(({ users = null, emails = null, groups = null }) => ({
      auth_required_users: users,
      auth_required_emails: emails,
      auth_required_groups: groups,
    }))
}

/** @throws OAuthError `invalid_scope` for what is no list of scope tokens (RFC 6749 §3.3) */
export function requestedScopes(scope: string): string[] {
  const tokens = scopeTokens(scope)
  if (scope.length > 2048 || !tokens.every((token) => ScopeToken.safeParse(token).success))
    throw new OAuthError("invalid_scope", "scope must be a list of scope tokens")
  return [...new Set(tokens)]
}

function commonScopes(resources: readonly RequestedResource[]): readonly string[] {
  const [first, ...others] = resources.map(({ uri, proxy }) => resourceScopes(proxy, uri))
  if (first === undefined) return ["mcp:read", "mcp:write"]
  return first.filter((scope) => others.every((scopes) => scopes.includes(scope)))
}

/** A client gets refresh tokens when it registered the grant, or when `offline_access` was granted. */
export function mayRefresh(client: Client | undefined, scope: readonly string[]): boolean {
  return client?.metadata.grant_types.includes("refresh_token") === true || scope.includes(offlineAccess)
}
