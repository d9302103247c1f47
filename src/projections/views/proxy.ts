import * as z from "zod"
import { ProxyAuth, ProxyMcp, ProxyRoutes, ProxySettings } from "../../events/proxy.ts"
import { RouteView, routeView } from "./route.ts"
import { type World, all, find } from "../../events/world.ts"
import { CertificateStatus, certificateStatus } from "./certificate.ts"
import type { Proxy } from "../../events/proxy.ts"
import { applicableRoutes } from "../route-table.ts"
import { ownerFields } from "./owner.ts"
import { resourceIdentity } from "../resource.ts"

/** A proxy with its settings, and what is derived from them. */
export const ProxyView = ProxySettings.extend({
  hostname: z.string(),
  cert_name: z.string().nullable(),
  ...ProxyAuth.partial().shape,
  auth_proxy: z.string().optional(),
  ...ProxyMcp.partial().shape,
  ...ProxyRoutes.shape,
  owner: z.string(),
  owner_token_hash: z.string().nullable(),
  certificate_status: CertificateStatus.nullable(),
  service: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
  version: z.int(),
}).meta({ id: "Proxy" })

/** Auth settings of a proxy; unset: `{auth_enabled: false}`. */
export const ProxyAuthView = ProxyAuth.partial()
  .extend({ auth_enabled: z.boolean(), auth_proxy: z.string().optional() })
  .meta({ id: "ProxyAuth" })

/** MCP settings of a proxy and its resource identity; unset: `{mcp_enabled: false}`. */
export const ProxyMcpView = ProxyMcp.partial()
  .extend({
    mcp_enabled: z.boolean(),
    resource: z.string().optional().describe("Canonical resource identifier (RFC 8707)."),
    metadata_url: z.string().optional().describe("Protected resource metadata (RFC 9728)."),
  })
  .meta({ id: "ProxyMcp" })

/** Which routes a proxy takes, and those that apply, in the order of matching. */
export const ProxyRoutesView = ProxyRoutes.extend({ applicable_routes: z.array(RouteView) }).meta({ id: "ProxyRoutes" })

/** View of a proxy. @param now ISO 8601 */
export function proxyView(proxy: Proxy, world: World, now: string): z.infer<typeof ProxyView> {
  const { auth: _, mcp, ...settings } = proxy
  const certificate = proxy.cert_name === null ? undefined : find(world, "certificate", proxy.cert_name.toLowerCase())
  return {
    ...settings,
    ...proxyAuthView(proxy),
    mcp_enabled: false,
    ...mcp,
    ...ownerFields(world, proxy.owner),
    certificate_status: certificate === undefined ? null : certificateStatus(certificate, now),
    service: proxy.service ?? null,
    version: world.objects.proxy.get(proxy.hostname)?.version ?? 0,
  }
}

/** The same for a list: values of added headers may be credentials and are masked. */
export function maskedProxyView(proxy: Proxy, world: World, now: string): z.infer<typeof ProxyView> {
  const custom_headers = Object.fromEntries(Object.keys(proxy.custom_headers).map((name) => [name, "***"]))
  return { ...proxyView(proxy, world, now), custom_headers }
}

/** Auth settings of a proxy. */
export function proxyAuthView({ auth }: Proxy): z.infer<typeof ProxyAuthView> {
  return auth === null ? { auth_enabled: false } : { ...auth }
}

/** MCP settings of a proxy. @param publicHttpsPort port that clients see */
export function proxyMcpView(proxy: Proxy, publicHttpsPort: number): z.infer<typeof ProxyMcpView> {
  if (proxy.mcp === null) return { mcp_enabled: false }
  if (!proxy.mcp.mcp_enabled) return { ...proxy.mcp }
  const { origin, canonical } = resourceIdentity(proxy, publicHttpsPort)
  const path = canonical.slice(origin.length)
  return { ...proxy.mcp, resource: canonical, metadata_url: `${origin}/.well-known/oauth-protected-resource${path}` }
}

/** Routes of a proxy. */
export function proxyRoutesView(proxy: Proxy, world: World): z.infer<typeof ProxyRoutesView> {
  const { route_mode, enabled_routes, disabled_routes } = proxy
  const applicable = applicableRoutes(all(world, "route"), proxy)
  return {
    route_mode,
    enabled_routes,
    disabled_routes,
    applicable_routes: applicable.map((route) => routeView(route, world)),
  }
}
