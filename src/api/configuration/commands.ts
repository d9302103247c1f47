import type { Entry, EntryKind } from "./document.ts"
import type { Intent, Workshop } from "./intent.ts"
import { type World, find } from "../../events/world.ts"
import { GatehouseError } from "../../errors.ts"
import { equal } from "../../commands/decision.ts"
import { serviceCommandsFor } from "./service-entry.ts"
import { webhookCommandsFor } from "./webhook-entry.ts"
import { sha256 } from "../../platform/ids.ts"
import { randomUUID } from "node:crypto"

/** The commands of {@link intentsFor} are compared by what they do: those that change nothing are no events. */
type Intents = (entry: never, world: World, workshop: Workshop) => Intent[] | Promise<Intent[]>

/**
 * Commands that make an object what its entry says, in order; what is the same already comes to no event.
 * @throws GatehouseError for a difference that no command can mend
 */
export async function intentsFor(kind: EntryKind, entry: Entry, world: World, workshop: Workshop): Promise<Intent[]> {
  return (makers[kind] as (entry: Entry, world: World, workshop: Workshop) => Intent[] | Promise<Intent[]>)(
    entry,
    world,
    workshop,
  )
}

const makers: Record<EntryKind, Intents> = {
  tokens: tokenIntents,
  instances: instanceIntents,
  certificates: certificateIntents,
  proxies: proxyIntents,
  routes: routeIntents,
  resources: resourceIntents,
  services: serviceCommandsFor,
  webhooks: webhookCommandsFor,
}

function tokenIntents(entry: Entry<"tokens">, world: World, workshop: Workshop): Intent[] {
  const { name, cert_email, hash, preview } = entry
  const known = find(world, "api-token", name.toLowerCase())
  if (known !== undefined && known.hash !== hash)
    throw new GatehouseError("already_exists", `the token ${name} has another value here; delete it first`)
  if (known !== undefined) return [{ type: "UpdateTokenEmail", data: { name, cert_email } }]
  const value = workshop.tokenValue(name)
  if (value === undefined) return [{ type: "CreateToken", data: { name, cert_email, hash, preview, secret_ref: null } }]
  if (sha256(value) !== hash)
    throw new GatehouseError("validation_failed", `the value of the token ${name} is not that of its hash`)
  const secret_ref = `token-${randomUUID()}`
  const secrets = { [secret_ref]: workshop.seal(secret_ref, value) }
  return [{ type: "CreateToken", data: { name, cert_email, hash, preview, secret_ref }, secrets }]
}

function instanceIntents({ owner, ...entry }: Entry<"instances">, world: World): Intent[] {
  const { name, target_url, description } = entry
  if (find(world, "instance", name) === undefined) return [{ type: "RegisterInstance", data: { ...entry, owner } }]
  if (name.startsWith("docker-")) throw new GatehouseError("reserved_name", `${name} belongs to its service`)
  return [{ type: "UpdateInstance", data: { name, changes: { target_url, description }, owner } }]
}

function certificateIntents(entry: Entry<"certificates">, world: World): Intent[] {
  const { cert_name, domains, email, issuer, environment, acme_directory_url, key_type, owner } = entry
  const known = find(world, "certificate", cert_name.toLowerCase())
  if (known === undefined)
    return [
      {
        type: "CreateCertificate",
        data: {
          cert_name,
          domains,
          owner,
          staging: environment === "staging",
          ...(typeof email === "string" && { email }),
          ...(issuer !== undefined && { issuer }),
          ...(typeof acme_directory_url === "string" && { acme_directory_url }),
          ...(key_type !== undefined && { key_type }),
        },
      },
    ]
  const wanted = { domains, email, issuer, environment, acme_directory_url, key_type }
  const differing = Object.entries(wanted).filter(
    ([field, value]) => value !== undefined && !equal(value, known[field as keyof typeof wanted]),
  )
  const fields = new Set(differing.map(([field]) => field))
  if (owner.toLowerCase() !== known.owner) fields.add("owner")
  const converted = environment === "production" && known.environment === "staging"
  if (converted) for (const field of ["environment", "acme_directory_url"]) fields.delete(field)
  if (fields.size > 0)
    throw new GatehouseError(
      "invalid_state",
      `the certificate ${cert_name} is there with other ${[...fields].join(", ")}; delete it first`,
    )
  return converted ? [{ type: "ConvertCertificate", data: { cert_name } }] : []
}

function proxyIntents(entry: Entry<"proxies">, world: World): Intent[] {
  const {
    hostname,
    owner,
    service,
    auth,
    mcp,
    route_mode: _,
    enabled_routes: __,
    disabled_routes: ___,
    ...rest
  } = entry
  const { cert_name, ...settings } = rest
  const known = find(world, "proxy", hostname)
  if (known !== undefined && (known.service ?? null) !== service)
    throw new GatehouseError("invalid_state", `${hostname} cannot become the proxy of another service; delete it first`)
  const changes = { ...settings, ...(cert_name !== undefined && { cert_name }) }
  return [
    known === undefined
      ? {
          type: "CreateProxy",
          data: {
            ...settings,
            hostname,
            owner,
            cert_name: cert_name ?? null,
            restore: cert_name !== undefined,
            ...(service !== null && { service }),
          },
        }
      : { type: "UpdateProxy", data: { hostname, changes, owner, force: true } },
    ...(auth !== null ? [{ type: "SetProxyAuth", data: { hostname, auth } }] : []),
    ...(auth === null && known?.auth != null ? [{ type: "RemoveProxyAuth", data: { hostname } }] : []),
    ...(mcp !== null ? [{ type: "SetProxyMcp", data: { hostname, mcp } }] : []),
    ...(mcp === null && known?.mcp != null ? [{ type: "RemoveProxyMcp", data: { hostname } }] : []),
  ]
}

/** A proxy's lists name routes, which come after proxies. */
export function routeListIntents(entry: Entry<"proxies">): Intent[] {
  const { hostname, route_mode, enabled_routes, disabled_routes } = entry
  return [{ type: "SetProxyRoutes", data: { hostname, routes: { route_mode, enabled_routes, disabled_routes } } }]
}

function routeIntents({ owner, route_id, ...entry }: Entry<"routes">, world: World): Intent[] {
  if (route_id.startsWith("oauth-")) throw new GatehouseError("reserved_name", `${route_id} is made by the OAuth setup`)
  const { scope, ...settings } = entry
  const given = { ...settings, ...(scope !== undefined && { scope }) }
  return find(world, "route", route_id) === undefined
    ? [{ type: "CreateRoute", data: { ...given, route_id, owner } }]
    : [{ type: "UpdateRoute", data: { route_id, changes: given, owner } }]
}

function resourceIntents({ owner, uri, auto, ...settings }: Entry<"resources">, world: World): Intent[] {
  return find(world, "resource", uri) === undefined
    ? [{ type: "RegisterResource", data: { ...settings, uri, owner, auto } }]
    : [{ type: "UpdateResource", data: { uri, changes: settings, owner, auto } }]
}

/** The command that removes an object; what others need keeps it, but for references that are cleared. */
export function removalOf(kind: EntryKind, name: string): Intent {
  switch (kind) {
    case "tokens":
      return { type: "DeleteToken", data: { name, cascade: false } }
    case "instances":
      return { type: "DeleteInstance", data: { name, force: true } }
    case "certificates":
      return { type: "DeleteCertificate", data: { cert_name: name, force: true } }
    case "proxies":
      return { type: "DeleteProxy", data: { hostname: name } }
    case "routes":
      return { type: "DeleteRoute", data: { route_id: name } }
    case "resources":
      return { type: "DeleteResource", data: { uri: name } }
    case "services":
      return { type: "DeleteService", data: { service_name: name, force: true, delete_proxy: false } }
    case "webhooks":
      return { type: "DeleteWebhook", data: { name } }
  }
}
