import type { ErrorCode } from "../errors.ts"
import { proofAlgorithms } from "../projections/dpop-proof.ts"
import { issuerOf } from "../projections/issuer.ts"
import { problem } from "../errors.ts"
import { type ResourceProxy, resourceIdentity } from "../projections/resource.ts"
import { wellKnown } from "../projections/resource-urls.ts"
import { resourceScopes } from "../projections/scope.ts"

const foreign = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]

/** A whole answer: flat header list, text body. */
export interface MetadataAnswer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

const cors = ["Access-Control-Allow-Origin", "*", "X-Content-Type-Options", "nosniff"]

/**
 * Answers discovery requests on a proxied host, without a token and for any origin: the protected resource metadata
 * documents (RFC 9728 §2, §3.1) when auth or MCP is on, and 404 for authorization server metadata when auth is on,
 * because that is found on the OAuth host.
 * @param path canonical path of the request
 * @returns undefined when the path belongs to the backend
 */
export function resourceMetadata(
  proxy: ResourceProxy,
  method: string,
  path: string,
  publicHttpsPort: number,
): MetadataAnswer | undefined {
  const auth = proxy.auth?.auth_enabled === true
  if (!path.startsWith("/.well-known/o")) return undefined
  if (auth && foreign.some((name) => within(path, name))) return answer(method, () => missing(path))
  if (!within(path, wellKnown) || !(auth || proxy.mcp?.mcp_enabled === true)) return undefined
  const { origin, canonical } = resourceIdentity(proxy, publicHttpsPort)
  const suffix = path.slice(wellKnown.length).replace(/\/$/, "")
  const registered = proxy.resources.map(({ uri }) => uri).filter((uri) => uri.startsWith(`${origin}/`))
  const resource = [origin, canonical, ...registered].find((form) => form.slice(origin.length) === suffix)
  if (resource === undefined) return answer(method, () => missing(path))
  return answer(method, () => document(proxy, resource, publicHttpsPort))
}

function within(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

function answer(method: string, get: () => MetadataAnswer): MetadataAnswer {
  switch (method) {
    case "GET":
      return get()
    case "HEAD":
      return { ...get(), body: "" }
    case "OPTIONS":
      return { status: 204, headers: [...cors, ...preflight], body: "" }
    default:
      return failure("method_not_allowed", ["Allow", "GET, HEAD, OPTIONS"])
  }
}

const preflight = [
  "Access-Control-Allow-Methods",
  "GET, HEAD",
  "Access-Control-Allow-Headers",
  "*, authorization",
  "Access-Control-Max-Age",
  "600",
  "Allow",
  "GET, HEAD, OPTIONS",
]

function document(proxy: ResourceProxy, resource: string, publicHttpsPort: number): MetadataAnswer {
  const issuer = proxy.auth?.auth_enabled ? issuerOf(proxy.auth.auth_proxy, publicHttpsPort) : undefined
  const body = JSON.stringify({
    resource,
    // Without auth nobody issues tokens for this host: RFC 9728 lets the member be absent, an untrue one helps nobody.
    ...(issuer !== undefined && { authorization_servers: [issuer], jwks_uri: `${issuer}/jwks` }),
    scopes_supported: resourceScopes(proxy, resource),
    bearer_methods_supported: ["header"],
    ...(proxy.auth?.auth_enabled &&
      proxy.auth.auth_require_dpop === true && {
        dpop_signing_alg_values_supported: proofAlgorithms,
        dpop_bound_access_tokens_required: true,
      }),
    resource_name: proxy.resources.find(({ uri }) => uri === resource)?.name ?? proxy.hostname,
  })
  const headers = [...cors, "Content-Type", "application/json", "Cache-Control", "public, max-age=60"]
  return { status: 200, headers, body }
}

function missing(path: string): MetadataAnswer {
  const detail = within(path, wellKnown)
    ? "This host has no such resource."
    : "Ask the authorization server of this host."
  return failure("not_found", [], detail)
}

function failure(code: ErrorCode, headers: readonly string[], detail?: string): MetadataAnswer {
  const { instance: _, status, ...body } = problem(code, detail, "")
  const types = ["Content-Type", "application/problem+json", "Cache-Control", "no-store"]
  return {
    status: status as number,
    headers: [...cors, ...types, ...headers],
    body: JSON.stringify({ status, ...body }),
  }
}
