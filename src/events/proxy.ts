import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { peopleList } from "./people-list.ts"
import { CertificateName, HostName, ScopeToken } from "./values.ts"
import { McpPolicy } from "./mcp-policy.ts"
import { RouteId } from "./route.ts"

/** How a protected proxy treats callers without a valid identity. */
export const AuthMode = z.enum(["forward", "redirect", "passthrough"])

/** Who may pass a proxy. `null` = no rule of that kind, `[]` = nobody, `["*"]` = anybody signed in. */
export const ProxyAuth = z.strictObject({
  auth_enabled: z.boolean(),
  /** OAuth host that issues the tokens. */
  auth_proxy: HostName,
  auth_mode: AuthMode,
  auth_required_users: peopleList,
  auth_required_emails: peopleList,
  auth_required_groups: peopleList,
  auth_pass_headers: z.boolean(),
  auth_excluded_paths: z.array(z.string().regex(/^\//, "must start with /").max(1024)).max(100),
  auth_cookie_name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "1 to 64 letters, digits, _ -")
    .nullable(),
  auth_header_prefix: z.string().regex(/^X-[A-Za-z0-9-]{1,32}$/, "must be X- and 1 to 32 letters, digits and -"),
  /** Only tokens that are bound to a key, with a proof of it (RFC 9449). */
  auth_require_dpop: z.boolean().optional(),
})

/** Whom a scope is for; kinds of people are joined as in the proxy's own rule. */
const ScopeRule = z.strictObject({
  scope: ScopeToken,
  users: peopleList.optional(),
  emails: peopleList.optional(),
  groups: peopleList.optional(),
})

/** What a scope holds besides itself. */
const ScopeInclusion = z.strictObject({ scope: ScopeToken, includes: z.array(ScopeToken).max(32) })

/** Serialized origin of a web page (RFC 6454 §6.2), or `*`. */
const WebOrigin = z
  .string()
  .max(300)
  .refine((value) => value === "*" || (/^https?:\/\//.test(value) && URL.parse(value)?.origin === value), {
    message: "must be an origin such as https://app.example.com, in lower case without a path, or *",
  })

/** Revisions of MCP, newest first. */
const McpVersion = z.enum(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"])

/** MCP settings of a proxy. */
export const ProxyMcp = z.strictObject({
  mcp_enabled: z.boolean(),
  mcp_endpoint: z
    .string()
    .regex(/^\/[^?#\s]*$/, "must start with / and have no query")
    .max(256),
  mcp_scopes: z.array(ScopeToken).min(1).max(32),
  mcp_stateful: z.boolean(),
  mcp_override_backend: z.boolean(),
  /** Scopes that are not for everybody who may pass; a scope may stand in several rules. */
  mcp_scope_rules: z.array(ScopeRule).max(100).optional(),
  /** What scopes hold besides themselves; those that are not named here hold what they hold by default. */
  mcp_scope_hierarchy: z.array(ScopeInclusion).max(100).optional(),
  /** Revisions that pass; all that are known when absent. */
  mcp_versions: z.array(McpVersion).min(1).max(16).optional(),
  /** Bytes of the longest message that a client may send. */
  mcp_max_body: z
    .int()
    .min(1024)
    .max(64 * 1024 * 1024)
    .optional(),
  mcp_policy: McpPolicy.optional(),
  /** Origins of web pages that may call the endpoint besides its own; `*` is any. */
  mcp_allowed_origins: z.array(WebOrigin).max(100).optional(),
  /** What happens to a running stream when its token expires. */
  mcp_stream_expiry: z.enum(["keep", "close"]).optional(),
})

const routeIds = z.array(RouteId)

/** Which routes apply to a proxy: of those that are not its own, all but `disabled_routes`, only `enabled_routes`, or none. */
export const ProxyRoutes = z.strictObject({
  route_mode: z.enum(["all", "selective", "none"]),
  enabled_routes: routeIds,
  /** Also switches off routes of the proxy's own. */
  disabled_routes: routeIds,
})

/** Settings that the proxy's own endpoint changes. */
export const ProxySettings = z.strictObject({
  target_url: z.string(),
  cert_name: CertificateName.nullable(),
  enabled: z.boolean(),
  enable_http: z.boolean(),
  enable_https: z.boolean(),
  preserve_host_header: z.boolean(),
  custom_headers: z.record(z.string(), z.string()),
})

/** Events of a proxy; the aggregate's id is its host name. */
export const proxyEvents = {
  ProxyCreated: ProxySettings.extend({
    hostname: HostName,
    owner: z.string(),
    /** The service that it was made for and goes with. */
    service: z.string().optional(),
  }),
  ProxyUpdated: ProxySettings.partial(),
  ProxyAuthSet: ProxyAuth,
  ProxyAuthRemoved: z.strictObject({}),
  ProxyMcpSet: ProxyMcp,
  ProxyMcpRemoved: z.strictObject({}),
  ProxyRoutesSet: ProxyRoutes,
  ProxyReassigned: z.strictObject({ owner: z.string() }),
  ProxyDeleted: z.strictObject({ hostname: HostName }),
} as const

/** Event of a proxy. */
export type ProxyEvent = EventOf<typeof proxyEvents>

/** A host that Gatehouse answers for, and where its requests go. */
export interface Proxy extends Readonly<z.infer<typeof ProxySettings>>, Readonly<z.infer<typeof ProxyRoutes>> {
  readonly hostname: string
  readonly owner: string
  /** The service that it was made for. */
  readonly service?: string | undefined
  readonly auth: Readonly<z.infer<typeof ProxyAuth>> | null
  readonly mcp: Readonly<z.infer<typeof ProxyMcp>> | null
  readonly created_at: string
  readonly updated_at: string
}

const everyRoute = { route_mode: "all", enabled_routes: [], disabled_routes: [] } as const satisfies z.infer<
  typeof ProxyRoutes
>

/** Folds a proxy's events. */
export const evolveProxy: Evolve<Proxy, ProxyEvent> = (state, event, at) => {
  if (event.type === "ProxyCreated")
    return { ...event.data, ...everyRoute, auth: null, mcp: null, created_at: at, updated_at: at }
  if (state === undefined) return undefined
  switch (event.type) {
    case "ProxyUpdated":
      return { ...state, ...withoutUndefined(event.data), updated_at: at }
    case "ProxyAuthSet":
      return { ...state, auth: event.data, updated_at: at }
    case "ProxyAuthRemoved":
      return { ...state, auth: null, updated_at: at }
    case "ProxyMcpSet":
      return { ...state, mcp: event.data, updated_at: at }
    case "ProxyMcpRemoved":
      return { ...state, mcp: null, updated_at: at }
    case "ProxyRoutesSet":
      return { ...state, ...event.data, updated_at: at }
    case "ProxyReassigned":
      return { ...state, owner: event.data.owner, updated_at: at }
    case "ProxyDeleted":
      return undefined
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function withoutUndefined<T extends object>(value: T): Defined<T> {
  // Nothing that comes from the log has such members.
  if (!Object.values(value).includes(undefined)) return value
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>
}
