import * as z from "zod"
import { type Context, command, equal, existing, fact, invalid, requireAdmin, requireOwner } from "./decision.ts"
import { type World, all, find, referring } from "../events/world.ts"
import { nextOwner, ownerOf } from "./ownership.ts"
import { normalResource, resourceIdentity } from "../events/resource-identity.ts"
import { GatehouseError } from "../errors.ts"
import type { NewEvent } from "../events/envelope.ts"
import type { Proxy } from "../events/proxy.ts"
import { ResourceSettings } from "../events/resource.ts"
import { checkAddress } from "./target.ts"
import { removal } from "./removal.ts"

/** URI of a resource, as it comes; {@link resourceId} judges it. */
const Uri = z.string().trim().min(1).max(2048)

const Scopes = z.preprocess(
  (value) => (typeof value === "string" ? value.split(/[\s,]+/).filter(Boolean) : value),
  ResourceSettings.shape.scopes,
)

/** Fields of a resource that can be changed. */
export const ResourceFields = ResourceSettings.extend({ scopes: Scopes })

/** A new resource as its caller describes it. */
export const ResourceRequest = ResourceFields.extend({
  uri: Uri,
  scopes: Scopes.default(["mcp:read", "mcp:write"]),
  metadata_url: ResourceFields.shape.metadata_url.default(null),
  description: ResourceFields.shape.description.default(""),
  owner: z.string().max(64).optional(),
})

/**
 * Normal form of a resource's URI; a bare host is its origin as clients see it.
 * @param publicHttpsPort port that clients see
 * @returns undefined for what cannot be a resource: no https (http only on loopback), a fragment, user information, a dot segment
 */
export function resourceId(value: string, publicHttpsPort: number): string | undefined {
  const [, host, path = ""] = /^([A-Za-z0-9.-]+)(\/.*)?$/.exec(value) ?? []
  const text =
    host === undefined ? value : `https://${host}${publicHttpsPort === 443 ? "" : `:${publicHttpsPort}`}${path}`
  if (!/^[\x21-\x7e]+$/.test(text) || /["<>\\^`{|}]/.test(text)) return undefined
  // Clients resolve dot segments before they ask, and the edge refuses them.
  if (/\/(?:\.|%2e){1,2}(?:[/?]|$)/i.test(text)) return undefined
  const uri = normalResource(text)
  if (uri === undefined) return undefined
  const { protocol, hostname } = new URL(uri)
  const loopback = hostname === "localhost" || hostname.endsWith(".localhost")
  return protocol === "https:" || loopback ? uri : undefined
}

const resource = ({ uri }: { uri: string }) => ({ kind: "resource" as const, id: uri })

/** Only a restored configuration says whether a resource is its proxy's. */
const auto = z.boolean().optional()

const RegisterResource = command(ResourceRequest.extend({ auto }), resource, (data, world, context) => {
  const { owner: asked, auto: followed = false, ...settings } = data
  if (followed) requireAdmin(context)
  const owner = ownerOf(asked, world, context)
  const uri = resourceId(data.uri, context.policy.publicHttpsPort)
  if (uri === undefined)
    throw invalid("uri", "must be an absolute https URI without fragment, user information and dot segments")
  if (find(world, "resource", uri) !== undefined)
    throw new GatehouseError("already_exists", `there is a resource ${uri} already`)
  checkPlace(uri, settings.proxy_target, owner, world, context)
  if (settings.metadata_url !== null) checkMetadataUrl(settings.metadata_url, world, context)
  return {
    events: [fact("resource", uri, "ResourceRegistered", { ...settings, uri, owner, auto: followed })],
    result: { uri },
  }
})

const UpdateResource = command(
  z.strictObject({ uri: Uri, changes: ResourceFields.partial(), owner: z.string().max(64).optional(), auto }),
  resource,
  ({ uri, changes, owner: asked, auto: followed }, world, context) => {
    const state = existing(find(world, "resource", uri), `resource ${uri}`)
    requireOwner(context, state.owner)
    const owner = nextOwner(asked, state.owner, world, context)
    const keys = Object.keys(ResourceSettings.shape) as (keyof typeof ResourceSettings.shape)[]
    const changed = keys.filter((key) => changes[key] !== undefined && !equal(changes[key], state[key]))
    if (changed.includes("proxy_target") || owner !== state.owner)
      checkPlace(uri, changes.proxy_target ?? state.proxy_target, owner, world, context)
    if (changed.includes("metadata_url") && changes.metadata_url != null)
      checkMetadataUrl(changes.metadata_url, world, context)
    if (followed !== undefined) requireAdmin(context)
    // What somebody has changed is no longer the proxy's to change.
    const next = followed ?? (state.auto && changed.length === 0)
    const settings = {
      ...Object.fromEntries(changed.map((key) => [key, changes[key]])),
      ...(next !== state.auto && { auto: next }),
    }
    return {
      events: [
        ...(Object.keys(settings).length === 0 ? [] : [fact("resource", uri, "ResourceUpdated", settings)]),
        ...(owner === state.owner ? [] : [fact("resource", uri, "ResourceReassigned", { owner })]),
      ],
    }
  },
)

const DeleteResource = command(z.strictObject({ uri: Uri }), resource, ({ uri }, world, context) => {
  requireOwner(context, existing(find(world, "resource", uri), `resource ${uri}`).owner)
  return { events: removal({ resources: [uri] }, world).events }
})

const AutoRegisterResources = command(
  z.strictObject({ dry_run: z.boolean().default(false) }),
  () => resource({ uri: "auto-register" }),
  ({ dry_run }, world, context) => {
    requireAdmin(context)
    const registered: string[] = []
    const skipped: { host: string; reason: string }[] = []
    const events: NewEvent[] = []
    for (const proxy of [...all(world, "proxy")].sort((a, b) => (a.hostname < b.hostname ? -1 : 1))) {
      if (proxy.mcp?.mcp_enabled !== true) continue
      const { canonical } = resourceIdentity(proxy, context.policy.publicHttpsPort)
      const reason =
        proxy.auth?.auth_enabled !== true
          ? "auth_off"
          : find(world, "resource", canonical) === undefined
            ? undefined
            : "already_registered"
      if (reason !== undefined) skipped.push({ host: proxy.hostname, reason })
      else {
        registered.push(canonical)
        events.push(autoRegistered(proxy, proxy.mcp.mcp_scopes, context))
      }
    }
    return { events: dry_run ? [] : events, result: { registered, skipped, count: registered.length } }
  },
)

function autoRegistered(proxy: Proxy, scopes: readonly string[], { policy }: Pick<Context, "policy">): NewEvent {
  const { canonical: uri } = resourceIdentity(proxy, policy.publicHttpsPort)
  const { hostname, owner } = proxy
  const entry = {
    uri,
    name: hostname,
    proxy_target: hostname,
    scopes: [...scopes],
    metadata_url: null,
    description: "",
    owner,
    auto: true,
  }
  return fact("resource", uri, "ResourceRegistered", entry)
}

/**
 * What follows for the resource that was made from a proxy's MCP settings when those change: it moves with the endpoint, takes
 * the scopes, and goes when MCP is off.
 * @param next the proxy with its new settings
 */
export function followMcp(next: Proxy, world: World, context: Pick<Context, "policy">): NewEvent[] {
  const { canonical } = resourceIdentity(next, context.policy.publicHttpsPort)
  return referring(world, "resource", `proxy/${next.hostname}`)
    .filter(({ auto }) => auto)
    .flatMap(({ uri, scopes }) => {
      if (next.mcp?.mcp_enabled === true && uri === canonical)
        return equal(scopes, next.mcp.mcp_scopes)
          ? []
          : [fact("resource", uri, "ResourceUpdated", { scopes: next.mcp.mcp_scopes })]
      const gone = removal({ resources: [uri] }, world).events
      const free = next.mcp?.mcp_enabled === true && find(world, "resource", canonical) === undefined
      return free ? [...gone, autoRegistered(next, next.mcp.mcp_scopes, context)] : gone
    })
}

/** A resource is on the host of a proxy that its owner has. @throws GatehouseError `validation_failed`, `not_owner`, `resource_host_mismatch` */
function checkPlace(uri: string, hostname: string, owner: string, world: World, { policy }: Context): void {
  const proxy = find(world, "proxy", hostname)
  if (proxy === undefined) throw invalid("proxy_target", `there is no proxy ${hostname}`)
  if (owner !== "admin" && proxy.owner !== owner)
    throw new GatehouseError("not_owner", `the proxy ${hostname} belongs to another token`)
  const url = new URL(uri)
  const port = Number(url.port || 443)
  const place = url.protocol === "http:" || port === 443 || port === policy.publicHttpsPort
  if (url.hostname !== hostname || !place)
    throw new GatehouseError(
      "resource_host_mismatch",
      `the resource of this proxy begins with ${resourceIdentity({ hostname, mcp: null }, policy.publicHttpsPort).origin}`,
    )
}

/** Metadata is only read over https (RFC 9728 §2); on loopback also without. */
function checkMetadataUrl(value: string, world: World, context: Context): void {
  const url = URL.parse(value)
  const local = url !== null && (url.hostname === "localhost" || url.hostname.endsWith(".localhost"))
  if (url?.protocol !== "https:" && !local) throw invalid("metadata_url", "must be an https URL")
  // Where the proxy itself serves it is what it usually is.
  if (url !== null && find(world, "proxy", url.hostname) !== undefined) return
  checkAddress("metadata_url", value, world, context)
}

/** Commands about the registry of resources. */
export const resourceCommands = { RegisterResource, UpdateResource, DeleteResource, AutoRegisterResources } as const
