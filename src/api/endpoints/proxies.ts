import * as z from "zod"
import { ProxyFields, ProxyRequest } from "../../commands/proxy.ts"
import { ProxyView, maskedProxyView, proxyView } from "../../projections/views/proxy.ts"
import { filterFlag, flag, listOf, listPage, listQuery } from "../list.ts"
import { mayRead, ownObject } from "../access.ts"
import { versionOf, write } from "../write.ts"
import type { Call } from "../endpoint.ts"
import { HostName } from "../../events/values.ts"
import type { Proxy } from "../../events/proxy.ts"
import { all } from "../../events/world.ts"
import { endpoint } from "../endpoint.ts"

const tag = "proxies"
const base = "/api/v1/proxy/targets"

/** Path parameter of every endpoint about one proxy. */
export const Named = z.strictObject({ hostname: HostName })

/** The caller's proxy as its endpoints show it, with its version. @throws GatehouseError `not_found`, `not_owner` */
export function shownProxy(call: Call, hostname: string) {
  const proxy = ownObject(call, "proxy", hostname)
  return {
    proxy,
    view: proxyView(proxy, call.api.projections.world, call.api.clock().toISOString()),
    version: versionOf(call, "proxy", hostname),
  }
}

const subResources = [
  { prefix: /^auth_/, path: "auth" },
  { prefix: /^mcp_/, path: "mcp" },
  { prefix: /^(route_mode|enabled_routes|disabled_routes)$/, path: "routes" },
] as const

function subResource(name: string): string | undefined {
  const found = subResources.find(({ prefix }) => prefix.test(name))
  return found && `is changed at ${base}/{hostname}/${found.path}`
}

const targetErrors = ["forbidden_target", "certificate_not_covering", "not_owner", "admin_required"] as const

const createProxy = endpoint({
  method: "POST",
  path: base,
  operationId: "createProxy",
  tag,
  summary: "Create a proxy for a host name, with a certificate where HTTPS is on.",
  who: "any",
  body: ProxyRequest,
  unknownField: subResource,
  status: 201,
  response: z.strictObject({
    proxy_target: ProxyView,
    certificate_status: z.enum(["started", "existing", "not_required"]),
    cert_name: z.string().nullable(),
  }),
  errors: [
    ...targetErrors,
    "already_exists",
    "reserved_name",
    "email_required",
    "directory_not_allowed",
    "domain_claimed",
    "issuer_not_applicable",
  ],
  handler: (call) =>
    write<{ certificate_status: string; cert_name: string | null }>(
      call,
      { type: "CreateProxy", data: call.body },
      ({ result }) => {
        const { view, version } = shownProxy(call, call.body.hostname)
        return {
          body: { proxy_target: view, ...result },
          headers: { location: `${base}/${call.body.hostname}` },
          version,
        }
      },
    ),
})

const listProxies = endpoint({
  method: "GET",
  path: base,
  operationId: "listProxies",
  tag,
  summary: "List proxies: the caller's own, or all for an administrator.",
  who: "any",
  query: listQuery(["hostname", "created_at", "updated_at"]).extend({
    enabled: filterFlag(),
    owner: z.string().max(64).optional().describe("Name of a token."),
    search: z.string().max(253).optional().describe("Part of the host name or of the target."),
  }),
  status: 200,
  response: listOf("targets", ProxyView),
  handler({ api, caller, query }) {
    const { world } = api.projections
    const now = api.clock().toISOString()
    const search = query.search?.toLowerCase()
    const owner = query.owner?.toLowerCase()
    const found: Proxy[] = []
    for (const proxy of all(world, "proxy"))
      if (
        mayRead(caller, proxy.owner) &&
        (query.enabled === undefined || proxy.enabled === query.enabled) &&
        (owner === undefined || proxy.owner === owner) &&
        (search === undefined || `${proxy.hostname}\n${proxy.target_url}`.toLowerCase().includes(search))
      )
        found.push(proxy)
    return {
      body: listPage(
        "targets",
        found,
        query,
        (proxy) => proxy[query.sort_by],
        (proxy) => proxy.hostname,
        (proxy) => maskedProxyView(proxy, world, now),
      ),
    }
  },
})

const showProxy = endpoint({
  method: "GET",
  path: `${base}/{hostname}`,
  operationId: "getProxy",
  tag,
  summary: "Show a proxy.",
  who: "owner",
  params: Named,
  status: 200,
  response: ProxyView,
  errors: ["not_owner"],
  handler(call) {
    const { view, version } = shownProxy(call, call.params.hostname)
    return { body: view, version }
  },
})

const updateProxy = endpoint({
  method: "PUT",
  path: `${base}/{hostname}`,
  operationId: "updateProxy",
  tag,
  summary:
    "Change settings of a proxy; what is left out stays. force attaches a certificate that does not cover the host.",
  who: "owner",
  params: Named,
  body: ProxyFields.partial().extend({ owner: z.string().max(64).optional(), force: z.boolean().default(false) }),
  unknownField: subResource,
  status: 200,
  response: ProxyView,
  errors: [...targetErrors, "email_required"],
  handler(call) {
    const { force, owner, ...changes } = call.body
    return write(call, { type: "UpdateProxy", data: { ...call.params, changes, force, owner } }, () => {
      const { view, version } = shownProxy(call, call.params.hostname)
      return { body: view, version }
    })
  },
})

/** What went with a proxy. */
interface DeletedProxy {
  readonly deleted_certificate: string | null
  readonly routes: readonly string[]
  readonly resources: readonly string[]
}

const deleteProxy = endpoint({
  method: "DELETE",
  path: `${base}/{hostname}`,
  operationId: "deleteProxy",
  tag,
  summary: "Delete a proxy, and its certificate if that is asked for and nothing else uses it.",
  who: "owner",
  params: Named,
  query: z.strictObject({ delete_certificate: flag(false), force: flag(false) }),
  status: 200,
  response: z.strictObject({
    message: z.string(),
    deleted_certificate: z.string().nullable(),
    removed: z.strictObject({ routes: z.array(z.string()), resources: z.array(z.string()) }),
  }),
  errors: ["not_owner", "in_use"],
  handler(call) {
    const data = { ...call.params, ...call.query }
    return write<DeletedProxy>(call, { type: "DeleteProxy", data }, ({ result }) => ({
      body: {
        message: `${call.params.hostname} is deleted.`,
        deleted_certificate: result.deleted_certificate,
        removed: { routes: result.routes, resources: result.resources },
      },
    }))
  },
})

/** Endpoints about proxies as such. */
export const proxyEndpoints = [listProxies, createProxy, showProxy, updateProxy, deleteProxy]
