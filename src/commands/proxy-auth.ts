import * as z from "zod"
import { ProxyAuth, ProxyMcp } from "../events/proxy.ts"
import { command, equal, fact, invalid } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { HostName } from "../events/values.ts"
import { emailPatternError } from "../events/access-pattern.ts"
import { assertSound } from "./mcp-policy.ts"
import { followMcp } from "./resource.ts"
import { ownedProxy } from "./proxy.ts"

/** Auth settings as a caller gives them: what is left out has its default. */
export const AuthRequest = ProxyAuth.extend({
  auth_enabled: z.boolean().default(true),
  auth_mode: ProxyAuth.shape.auth_mode.default("forward"),
  auth_required_users: ProxyAuth.shape.auth_required_users.default(null),
  auth_required_emails: ProxyAuth.shape.auth_required_emails.default(null),
  auth_required_groups: ProxyAuth.shape.auth_required_groups.default(null),
  auth_pass_headers: z.boolean().default(true),
  auth_excluded_paths: ProxyAuth.shape.auth_excluded_paths.default([]),
  auth_cookie_name: ProxyAuth.shape.auth_cookie_name.default(null),
  auth_header_prefix: ProxyAuth.shape.auth_header_prefix.default("X-Auth-"),
})

/** MCP settings as a caller gives them; scopes also as one space-separated text. */
export const McpRequest = ProxyMcp.extend({
  mcp_enabled: z.boolean().default(true),
  mcp_endpoint: ProxyMcp.shape.mcp_endpoint.default("/mcp"),
  mcp_scopes: z
    .preprocess(
      (value) => (typeof value === "string" ? value.split(/\s+/).filter(Boolean) : value),
      ProxyMcp.shape.mcp_scopes,
    )
    .default(["mcp:read", "mcp:write"]),
  mcp_stateful: z.boolean().default(false),
  mcp_override_backend: z.boolean().default(false),
})

const proxy = ({ hostname }: { hostname: string }) => ({ kind: "proxy" as const, id: hostname })
const Named = z.strictObject({ hostname: HostName })

const SetProxyAuth = command(Named.extend({ auth: AuthRequest }), proxy, ({ hostname, auth }, world, context) => {
  const state = ownedProxy(hostname, world, context)
  if (!context.policy.oauthHosts.includes(auth.auth_proxy))
    throw new GatehouseError("unknown_auth_proxy", `${auth.auth_proxy} is not an OAuth host`)
  for (const pattern of auth.auth_required_emails ?? []) {
    const problem = emailPatternError(pattern)
    if (problem !== undefined) throw invalid("auth_required_emails", problem)
  }
  if (auth.auth_mode === "redirect" && !state.enable_https)
    throw invalid("auth_mode", "redirect needs HTTPS on the proxy")
  if (/^__host-gh_(?!access$)/i.test(auth.auth_cookie_name ?? ""))
    throw invalid("auth_cookie_name", "Gatehouse uses this name for another cookie")
  const same = state.auth !== null && equal(state.auth, auth)
  return { events: same ? [] : [fact("proxy", hostname, "ProxyAuthSet", auth)] }
})

const RemoveProxyAuth = command(Named, proxy, ({ hostname }, world, context) => {
  const state = ownedProxy(hostname, world, context)
  return { events: state.auth === null ? [] : [fact("proxy", hostname, "ProxyAuthRemoved", {})] }
})

const SetProxyMcp = command(Named.extend({ mcp: McpRequest }), proxy, ({ hostname, mcp }, world, context) => {
  const state = ownedProxy(hostname, world, context)
  assertSound(mcp)
  const same = state.mcp !== null && equal(state.mcp, mcp)
  return {
    events: same ? [] : [fact("proxy", hostname, "ProxyMcpSet", mcp), ...followMcp({ ...state, mcp }, world, context)],
  }
})

const RemoveProxyMcp = command(Named, proxy, ({ hostname }, world, context) => {
  const state = ownedProxy(hostname, world, context)
  const removed = fact("proxy", hostname, "ProxyMcpRemoved", {})
  return { events: state.mcp === null ? [] : [removed, ...followMcp({ ...state, mcp: null }, world, context)] }
})

/** Commands about who may pass a proxy, and about MCP on it. */
export const proxyAuthCommands = { SetProxyAuth, RemoveProxyAuth, SetProxyMcp, RemoveProxyMcp } as const
