import * as z from "zod"
import { AuthRequest, McpRequest } from "../../commands/proxy-auth.ts"
import { Named, shownProxy } from "./proxies.ts"
import { ProxyAuthView, ProxyMcpView, ProxyView, proxyAuthView, proxyMcpView } from "../../projections/views/proxy.ts"
import { endpoint } from "../endpoint.ts"
import { write } from "../write.ts"

const tag = "proxies"
const one = "/api/v1/proxy/targets/{hostname}"

/** Settings may be written without their prefix; both at once is left for the schema to refuse. */
function prefixed(prefix: string, fields: readonly string[]) {
  return (body: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(body).map(([name, value]) => {
        const long = `${prefix}${name}`
        return [fields.includes(long) && !(long in body) ? long : name, value]
      }),
    )
}

const Changed = z.strictObject({ status: z.string(), proxy_target: ProxyView })

const setAuth = endpoint({
  method: "POST",
  path: `${one}/auth`,
  operationId: "setProxyAuth",
  tag,
  summary: "Set who may pass a proxy; replaces all auth settings.",
  who: "owner",
  params: Named,
  body: AuthRequest,
  prepare: prefixed("auth_", Object.keys(AuthRequest.shape)),
  status: 200,
  response: Changed,
  errors: ["not_owner", "unknown_auth_proxy"],
  handler: (call) =>
    write(call, { type: "SetProxyAuth", data: { ...call.params, auth: call.body } }, () => {
      const { view, version } = shownProxy(call, call.params.hostname)
      return {
        body: { status: call.body.auth_enabled ? "auth enabled" : "auth disabled", proxy_target: view },
        version,
      }
    }),
})

const showAuth = endpoint({
  method: "GET",
  path: `${one}/auth`,
  operationId: "getProxyAuth",
  tag,
  summary: "Show the auth settings of a proxy.",
  who: "owner",
  params: Named,
  status: 200,
  response: ProxyAuthView,
  errors: ["not_owner"],
  handler(call) {
    const { proxy, version } = shownProxy(call, call.params.hostname)
    return { body: proxyAuthView(proxy), version }
  },
})

const removeAuth = endpoint({
  method: "DELETE",
  path: `${one}/auth`,
  operationId: "removeProxyAuth",
  tag,
  summary: "Open a proxy to everybody: all auth settings are reset.",
  who: "owner",
  params: Named,
  status: 200,
  response: Changed,
  errors: ["not_owner"],
  handler: (call) =>
    write(call, { type: "RemoveProxyAuth", data: call.params }, () => {
      const { view, version } = shownProxy(call, call.params.hostname)
      return { body: { status: "auth removed", proxy_target: view }, version }
    }),
})

const setMcp = endpoint({
  method: "POST",
  path: `${one}/mcp`,
  operationId: "setProxyMcp",
  tag,
  summary: "Make a proxy an MCP resource; replaces all MCP settings.",
  who: "owner",
  params: Named,
  body: McpRequest,
  prepare: prefixed("mcp_", Object.keys(McpRequest.shape)),
  status: 200,
  response: Changed.extend({ resource: z.string().nullable(), warning: z.string().optional() }),
  errors: ["not_owner"],
  handler: (call) =>
    write(call, { type: "SetProxyMcp", data: { ...call.params, mcp: call.body } }, () => {
      const { proxy, view, version } = shownProxy(call, call.params.hostname)
      const { resource = null } = proxyMcpView(proxy, call.api.config.publicHttpsPort)
      const open = call.body.mcp_enabled && !(proxy.auth?.auth_enabled ?? false)
      const warning = "This MCP server is open to everybody: the proxy has no auth."
      return {
        body: {
          status: call.body.mcp_enabled ? "mcp enabled" : "mcp disabled",
          proxy_target: view,
          resource,
          ...(open && { warning }),
        },
        version,
      }
    }),
})

const showMcp = endpoint({
  method: "GET",
  path: `${one}/mcp`,
  operationId: "getProxyMcp",
  tag,
  summary: "Show the MCP settings of a proxy, its resource identifier and where its metadata is.",
  who: "owner",
  params: Named,
  status: 200,
  response: ProxyMcpView,
  errors: ["not_owner"],
  handler(call) {
    const { proxy, version } = shownProxy(call, call.params.hostname)
    return { body: proxyMcpView(proxy, call.api.config.publicHttpsPort), version }
  },
})

const removeMcp = endpoint({
  method: "DELETE",
  path: `${one}/mcp`,
  operationId: "removeProxyMcp",
  tag,
  summary: "Reset the MCP settings of a proxy.",
  who: "owner",
  params: Named,
  status: 200,
  response: Changed,
  errors: ["not_owner"],
  handler: (call) =>
    write(call, { type: "RemoveProxyMcp", data: call.params }, () => {
      const { view, version } = shownProxy(call, call.params.hostname)
      return { body: { status: "mcp removed", proxy_target: view }, version }
    }),
})

/** Endpoints about a proxy's auth and MCP settings. */
export const proxySettingEndpoints = [setAuth, showAuth, removeAuth, setMcp, showMcp, removeMcp]
