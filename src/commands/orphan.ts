import * as z from "zod"
import { type CertificateCandidate, emptyIndex, isAdministrator } from "../events/certificate-selection.ts"
import { type World, all, find } from "../events/world.ts"
import { command, requireAdmin } from "./decision.ts"
import { putCandidate, selectCertificate } from "../events/certificate-selection.ts"
import { idOf } from "./decision.ts"
import { isOpen } from "../events/certificate.ts"
import type { Route } from "../events/route.ts"
import { removal } from "./removal.ts"

/** Kinds of records that can be orphaned; what the container engine and OAuth leave behind stands in no record. */
export const OrphanKind = z.enum(["certificates", "proxies", "routes", "instances", "resources"])

/** A record that nothing has a use for. */
export interface Orphan {
  readonly kind: z.infer<typeof OrphanKind>
  /** Name of a certificate or instance, host name, route id, or URI. */
  readonly name: string
  readonly reason: string
}

/** A certificate that nobody has put to use yet is left alone for so long. */
const certificateAgeMs = 86_400_000

/**
 * Everything that is orphaned (behaviour contract §9), by kind and name: what a cleanup removes, and what `/health` counts.
 * @param now ISO 8601
 * @param ownHosts host names of Gatehouse itself, which need certificates although no proxy has them
 */
export function orphans(world: World, now: string, ownHosts: readonly string[]): Orphan[] {
  const found = [
    ...orphanedCertificates(world, now, ownHosts),
    ...orphanedProxies(world),
    ...orphanedRoutes(world),
    ...orphanedInstances(world),
    ...orphanedResources(world),
  ]
  return found.sort(
    (a, b) => OrphanKind.options.indexOf(a.kind) - OrphanKind.options.indexOf(b.kind) || (a.name < b.name ? -1 : 1),
  )
}

function* orphanedCertificates(world: World, now: string, ownHosts: readonly string[]): Generator<Orphan> {
  const used = usedCertificates(world, Date.parse(now), ownHosts)
  for (const { cert_name, generation, created_at } of all(world, "certificate"))
    if (
      !used.has(idOf(cert_name)) &&
      !isOpen(generation) &&
      Date.parse(now) - Date.parse(created_at) > certificateAgeMs
    )
      yield { kind: "certificates", name: cert_name, reason: "no host uses it" }
}

/** Certificates that a proxy names, or that a handshake for some host gets. Switched off or not, a host keeps its certificate. */
function usedCertificates(world: World, now: number, ownHosts: readonly string[]): Set<string> {
  const index = emptyIndex<CertificateCandidate>()
  for (const { material, ...certificate } of all(world, "certificate"))
    if (material !== null) putCandidate(index, { ...certificate, material })
  const isAdmin = (owner: string) => isAdministrator(world, owner)
  const proxies = [...all(world, "proxy")]
  const selected = [
    ...proxies.map((proxy) => selectCertificate(index, proxy.hostname, proxy, isAdmin, now)),
    ...ownHosts.map((host) => selectCertificate(index, host, find(world, "proxy", host), isAdmin, now)),
  ]
  const names = [...proxies.map(({ cert_name }) => cert_name), ...selected.map((certificate) => certificate?.cert_name)]
  return new Set(names.flatMap((name) => (name == null ? [] : [idOf(name)])))
}

const isGone = (world: World, owner: string) => owner !== "admin" && find(world, "api-token", owner) === undefined

function* orphanedProxies(world: World): Generator<Orphan> {
  for (const { hostname, owner, service } of all(world, "proxy")) {
    if (isGone(world, owner)) yield { kind: "proxies", name: hostname, reason: "its owner is gone" }
    else if (service !== undefined && find(world, "service", service) === undefined)
      yield { kind: "proxies", name: hostname, reason: `the service ${service} that it was made for is gone` }
  }
}

function* orphanedRoutes(world: World): Generator<Orphan> {
  for (const route of all(world, "route")) {
    // Records of what is built in on an OAuth host, which is no proxy.
    if (route.route_id.startsWith("oauth-")) continue
    const { scope, proxy_hostnames, target_type, target_value, route_id } = route
    if (targetIsGone(world, route))
      yield { kind: "routes", name: route_id, reason: `its target, the ${target_type} ${target_value}, is gone` }
    else if (scope === "proxy" && proxy_hostnames.every((host) => find(world, "proxy", host) === undefined))
      yield { kind: "routes", name: route_id, reason: "the proxies that it is for are gone" }
  }
}

function targetIsGone(world: World, { target_type, target_value }: Route): boolean {
  switch (target_type) {
    case "instance":
      return find(world, "instance", target_value) === undefined
    case "hostname":
      return find(world, "proxy", target_value) === undefined
    case "service":
      return find(world, "service", target_value) === undefined
    case "port":
    case "url":
      return false
  }
}

function* orphanedInstances(world: World): Generator<Orphan> {
  for (const { name, owner } of all(world, "instance")) {
    if (isGone(world, owner)) yield { kind: "instances", name, reason: "its owner is gone" }
    else if (name.startsWith("docker-") && find(world, "service", name.slice("docker-".length)) === undefined)
      yield { kind: "instances", name, reason: "its service is gone" }
  }
}

function* orphanedResources(world: World): Generator<Orphan> {
  for (const { uri, owner, proxy_target } of all(world, "resource")) {
    if (isGone(world, owner)) yield { kind: "resources", name: uri, reason: "its owner is gone" }
    else if (find(world, "proxy", proxy_target) === undefined)
      yield { kind: "resources", name: uri, reason: `its proxy ${proxy_target} is gone` }
  }
}

/** Most records that one command removes: each is an event of the same commit. */
export const mostOrphans = 1000

const RemoveOrphans = command(
  z.strictObject({
    orphans: z.array(z.strictObject({ kind: OrphanKind, name: z.string().max(2048) })).max(mostOrphans),
  }),
  () => ({ kind: "proxy" as const, id: "cleanup" }),
  (data, world, context) => {
    requireAdmin(context)
    const { adminHosts, oauthHosts } = context.policy
    const keyOf = ({ kind, name }: Pick<Orphan, "kind" | "name">) => `${kind} ${name}`
    const planned = new Set(data.orphans.map(keyOf))
    // What got a use since the plan was made stays.
    const still = orphans(world, context.now, [...adminHosts, ...oauthHosts]).filter((one) => planned.has(keyOf(one)))
    const of = (kind: Orphan["kind"]) => still.filter((one) => one.kind === kind).map(({ name }) => name)
    const { events, removed } = removal(
      {
        certificates: of("certificates"),
        proxies: of("proxies"),
        routes: of("routes"),
        instances: of("instances"),
        resources: of("resources"),
      },
      world,
    )
    return { events, result: { removed } }
  },
)

/** Commands about what is left over. */
export const orphanCommands = { RemoveOrphans } as const
