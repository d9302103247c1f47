import { type Entry, type EntryKind, entryKinds } from "./document.ts"
import { type World, find } from "../../events/world.ts"
import type { Certificate } from "../../events/certificate.ts"
import type { Kind } from "../../events/event.ts"
import type { Proxy } from "../../events/proxy.ts"
import type { Service } from "../../events/service.ts"
import { canonicalJson } from "../../platform/canonical-json.ts"
import { createHash } from "node:crypto"
import { ownerFields } from "../../projections/views/owner.ts"

/** Aggregates of each kind in the document. */
export const aggregateOf = {
  tokens: "api-token",
  instances: "instance",
  certificates: "certificate",
  proxies: "proxy",
  routes: "route",
  resources: "resource",
  services: "service",
  webhooks: "webhook",
} as const satisfies Record<EntryKind, Kind>

/**
 * One object as the document has it.
 * @param ownHost the OAuth host, for which a node requests a certificate by itself
 * @returns undefined for what is not there, or is not anybody's wish
 */
export function desiredEntry(world: World, kind: EntryKind, id: string, ownHost: string): Entry | undefined {
  switch (kind) {
    case "tokens": {
      const token = find(world, "api-token", id)
      if (token === undefined || token.is_admin) return undefined
      const { name, cert_email, hash, preview } = token
      return { name, cert_email, hash, preview }
    }
    case "instances": {
      const instance = find(world, "instance", id)
      if (instance === undefined || isServices(world, id)) return undefined
      const { name, target_url, description, owner } = instance
      return { name, target_url, description, owner: nameOf(world, owner) }
    }
    case "certificates": {
      const certificate = find(world, "certificate", id)
      return certificate === undefined || isOwn(certificate, ownHost)
        ? undefined
        : certificateEntry(certificate, nameOf(world, certificate.owner))
    }
    case "proxies": {
      const proxy = find(world, "proxy", id)
      return proxy && proxyEntry(proxy, nameOf(world, proxy.owner))
    }
    case "routes": {
      const route = find(world, "route", id)
      if (route === undefined || id.startsWith("oauth-")) return undefined
      const { created_at: _, updated_at: __, ...settings } = route
      return { ...settings, owner: nameOf(world, route.owner) }
    }
    case "resources": {
      const resource = find(world, "resource", id)
      if (resource === undefined) return undefined
      const { created_at: _, ...settings } = resource
      return { ...settings, owner: nameOf(world, resource.owner) }
    }
    case "services": {
      const service = find(world, "service", id)
      return service === undefined || service.desired_state === "removed"
        ? undefined
        : serviceEntry(service, nameOf(world, service.owner))
    }
    case "webhooks": {
      const webhook = find(world, "webhook", id)
      if (webhook === undefined) return undefined
      const { name, url, description, filter, enabled, owner } = webhook
      return { name, url, description, filter: { ...filter }, enabled, owner: nameOf(world, owner) }
    }
  }
}

const nameOf = (world: World, owner: string) => (owner === "admin" ? "ADMIN" : ownerFields(world, owner).owner)

/** The name in the registry that comes and goes with a service. */
function isServices(world: World, name: string): boolean {
  return name.startsWith("docker-") && find(world, "service", name.slice("docker-".length)) !== undefined
}

/** The certificate of the OAuth host that every node asks for by itself. */
function isOwn({ cert_name, domains }: Certificate, ownHost: string): boolean {
  return cert_name === `oauth-${ownHost.replaceAll(".", "-")}` && domains.length === 1 && domains[0] === ownHost
}

function certificateEntry(certificate: Certificate, owner: string): Entry<"certificates"> {
  const { cert_name, domains, email, issuer, environment, acme_directory_url, key_type } = certificate
  return { cert_name, domains: [...domains], email, issuer, environment, acme_directory_url, key_type, owner }
}

function proxyEntry(proxy: Proxy, owner: string): Entry<"proxies"> {
  const { created_at: _, updated_at: __, service = null, auth, mcp, ...settings } = proxy
  return { ...settings, service, auth: auth && { ...auth }, mcp: mcp && { ...mcp }, owner }
}

const record = (pairs: readonly { name: string; value: string }[]) =>
  Object.fromEntries(pairs.map(({ name, value }) => [name, value]))

function serviceEntry(service: Service, owner: string): Entry<"services"> {
  const { build } = service
  return {
    service_name: service.service_name,
    image: service.image,
    dockerfile_path: build?.dockerfile_path ?? null,
    build_context: build?.build_context ?? null,
    build_args: record(build?.build_args ?? []),
    command: service.command && [...service.command],
    internal_port: service.internal_port,
    external_port: service.external_port,
    bind_address: service.bind_address,
    expose: service.expose,
    network: service.network,
    memory_limit: service.memory_limit,
    cpu_limit: service.cpu_limit,
    pids_limit: service.pids_limit,
    environment: service.environment.map(({ name }) => name).sort(),
    labels: record(service.labels),
    restart_policy: service.restart_policy,
    healthcheck: service.healthcheck,
    read_only_root: service.read_only_root,
    user: service.user,
    volumes: Object.fromEntries(service.volumes.map(({ name, path }) => [name, path])),
    desired_state: service.desired_state === "stopped" ? "stopped" : "running",
    owner,
  }
}

/** Everything that is wanted, of some kinds; each kind in the order of names. */
export function desiredState(world: World, kinds: readonly EntryKind[], ownHost: string): Record<string, Entry[]> {
  return Object.fromEntries(
    entryKinds
      .filter((kind) => kinds.includes(kind))
      .map((kind) => [
        kind,
        [...world.objects[aggregateOf[kind]].keys()]
          .sort()
          .flatMap((id) => desiredEntry(world, kind, id, ownHost) ?? []),
      ]),
  )
}

/** SHA-256, hex, of the canonical JSON of what is wanted: equal for two systems that were asked for the same. */
export function desiredDigest(state: Readonly<Record<string, readonly unknown[]>>): string {
  return createHash("sha256").update(canonicalJson(state)).digest("hex")
}

/** Ids of everything of a kind that is wanted. */
export function desiredIds(world: World, kind: EntryKind, ownHost: string): string[] {
  return [...world.objects[aggregateOf[kind]].keys()].filter(
    (id) => desiredEntry(world, kind, id, ownHost) !== undefined,
  )
}
