import { type World, all, find } from "../events/world.ts"
import { type ResourceProxy, normalResource, resourceIdentity, withResources } from "../projections/resource.ts"
import type { AuthorizationServer } from "./authorization-server.ts"
import type { Proxy } from "../events/proxy.ts"
import { OAuthError } from "./oauth-error.ts"
import type { Parameters } from "./parameters.ts"

/** A resource that a token was asked for, and the proxy behind it. */
export interface RequestedResource {
  /** Normal form; what `aud` will carry. */
  readonly uri: string
  readonly proxy: ResourceProxy
}

interface Found {
  readonly world: World
  readonly revision: number
  readonly proxies: readonly ResourceProxy[]
}
const found = new WeakMap<AuthorizationServer, Found>()

/**
 * Proxies that this authorization server protects. All are looked at once after each change, not at each request: metadata and
 * authorization are there for everybody.
 */
export function protectedProxies(server: AuthorizationServer): readonly ResourceProxy[] {
  const { world } = server.projections
  const known = found.get(server)
  if (known?.world === world && known.revision === world.revision) return known.proxies
  const proxies = [...all(world, "proxy")]
    .filter((proxy) => isProtected(server, proxy))
    .map((proxy) => withResources(world, proxy))
  found.set(server, { world, revision: world.revision, proxies })
  return proxies
}

function isProtected({ config }: AuthorizationServer, { enabled, auth }: Proxy): boolean {
  const host = config.oauthAuthority.split(":")[0]
  return enabled && auth !== null && auth.auth_enabled && auth.auth_proxy === host
}

/**
 * The resources of an authorization request (RFC 8707 §2). None named: the only one there is; with several there is no
 * audience to guess, and the list is empty.
 * @throws OAuthError `invalid_target`
 */
export function requestedResources(server: AuthorizationServer, named: readonly string[]): RequestedResource[] {
  if (named.length > server.config.MCP_MAX_RESOURCES_PER_TOKEN)
    throw new OAuthError("invalid_target", "too many resources")
  const found = [...new Set(named.map(normal))].map((uri) => findResource(server, uri))
  const known = found.filter((resource) => resource !== undefined)
  if (known.length < found.length && server.config.MCP_RESOURCE_INDICATORS_ENABLED)
    throw new OAuthError("invalid_target", "a resource is unknown to this authorization server")
  return known.length > 0 ? known : onlyResource(server)
}

/**
 * The resource of a normal form that was granted before; undefined when it is protected here no more. Each is on the host of its
 * proxy, so that none of the others is looked at.
 */
export function findResource(server: AuthorizationServer, uri: string): RequestedResource | undefined {
  const { world } = server.projections
  const proxy = find(world, "proxy", URL.parse(uri)?.hostname ?? "")
  if (proxy === undefined || !isProtected(server, proxy)) return undefined
  const { origin, canonical } = resourceIdentity(proxy, server.config.publicHttpsPort)
  const candidate = withResources(world, proxy)
  const names = uri === origin || uri === canonical || candidate.resources.some((resource) => resource.uri === uri)
  return names ? { uri, proxy: candidate } : undefined
}

/**
 * Normal forms of the resources that a token request names.
 * @throws OAuthError `invalid_target`
 */
export function normalResources(named: readonly string[]): string[] {
  return [...new Set(named.map(normal))]
}

/**
 * Resources that a token request names to narrow what was granted, in normal form. Where indicators are switched off, those that are
 * unknown here are ignored, as they were in the authorization request.
 * @throws OAuthError `invalid_target`
 */
export function namedResources(server: AuthorizationServer, parameters: Parameters): string[] {
  const named = normalResources(parameters.all("resource"))
  if (server.config.MCP_RESOURCE_INDICATORS_ENABLED) return named
  return named.filter((uri) => findResource(server, uri) !== undefined)
}

function normal(value: string): string {
  const uri = normalResource(value)
  if (uri === undefined) throw new OAuthError("invalid_target", "a resource must be an absolute URI without a fragment")
  return uri
}

function onlyResource(server: AuthorizationServer): RequestedResource[] {
  const [proxy, ...others] = protectedProxies(server)
  if (proxy === undefined || others.length > 0) return []
  const { origin, canonical } = resourceIdentity(proxy, server.config.publicHttpsPort)
  const further = proxy.resources.some(({ uri }) => uri !== origin && uri !== canonical)
  return further ? [] : [{ uri: canonical, proxy }]
}
