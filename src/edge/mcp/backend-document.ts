import { isObject } from "./message.ts"
import { issuerOf } from "../../projections/issuer.ts"
import { readJson } from "./strict-json.ts"
import { type ResourceProxy, normalResource, resourceIdentity } from "../../projections/resource.ts"

/**
 * Is this text of a backend a protected resource metadata document (RFC 9728 §2, §3.2) that may stand in place of ours? Behind our
 * own guard it must name this resource and the authorization server whose tokens the guard takes; otherwise it would send clients
 * to a place whose tokens are refused here.
 */
export function isUsableDocument(bytes: Buffer, proxy: ResourceProxy, publicHttpsPort: number): boolean {
  const json = readJson(bytes)
  if (!json.ok || !isObject(json.value)) return false
  const { resource, authorization_servers: servers, bearer_methods_supported: methods } = json.value
  if (typeof resource !== "string" || normalResource(resource) === undefined) return false
  if (servers !== undefined && !isList(servers)) return false
  if (methods !== undefined && !isList(methods)) return false
  if (proxy.auth?.auth_enabled !== true) return true
  const { origin, canonical } = resourceIdentity(proxy, publicHttpsPort)
  const own = normalResource(resource)
  return (
    (own === origin || own === canonical) &&
    Array.isArray(servers) &&
    servers.includes(issuerOf(proxy.auth.auth_proxy, publicHttpsPort))
  )
}

function isList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string")
}
