import { type Orphan, type OrphanKind, mostOrphans, orphans } from "../commands/orphan.ts"
import type { Api, Call } from "./endpoint.ts"
import { type ServiceCleanup, cleanServices } from "./service-cleanup.ts"
import { type CleanupReport, cleanOAuth } from "./oauth-cleanup.ts"
import { type World, find } from "../events/world.ts"
import { GatehouseError } from "../errors.ts"
import type { Removed } from "../commands/removal.ts"
import type * as z from "zod"
import { write } from "./write.ts"

/** Records of the log that are orphaned, as this node sees them. */
export function orphansNow({ projections, config, clock }: Pick<Api, "projections" | "config" | "clock">): Orphan[] {
  const oauthHost = config.oauthAuthority.replace(/:\d+$/, "")
  return orphans(projections.world, clock().toISOString(), [...config.ADMIN_HOSTS, oauthHost])
}

/** Which orphans a cleanup is about. */
export interface Wanted {
  readonly kinds: ReadonlySet<string>
  /** Only what is about this host. */
  readonly hostname: string | undefined
}

/** The records that a cleanup is about. */
export function wantedOrphans(api: Api, { kinds, hostname }: Wanted): Orphan[] {
  return orphansNow(api).filter(
    (orphan) => kinds.has(orphan.kind) && (hostname === undefined || isAbout(orphan, hostname, api.projections.world)),
  )
}

function isAbout({ kind, name }: Orphan, hostname: string, world: World): boolean {
  switch (kind) {
    case "proxies":
      return name === hostname
    case "certificates":
      return find(world, "certificate", name.toLowerCase())?.domains.includes(hostname) === true
    case "routes": {
      const route = find(world, "route", name)
      const leadsTo = route?.target_type === "hostname" && route.target_value === hostname
      return leadsTo || route?.proxy_hostnames.includes(hostname) === true
    }
    case "resources":
      return find(world, "resource", name)?.proxy_target === hostname
    case "instances":
      return false
  }
}

/** Removes records in one command; what is in use by now stays. @returns names of what went, by kind */
export async function removeOrphans(call: Call, planned: readonly Orphan[]): Promise<Removed> {
  const items = planned.slice(0, mostOrphans).map(({ kind, name }) => ({ kind, name }))
  let removed: Removed | undefined
  const command = { type: "RemoveOrphans", data: { orphans: items }, asked: call.body }
  await write<{ removed: Removed }>({ ...call, ifMatch: undefined }, command, ({ result }) => {
    removed = result.removed
    return {}
  })
  if (removed === undefined) throw new GatehouseError("projection_behind", "the removal goes on", { retryAfter: 2 })
  return removed
}

/** Outcome of one part of a cleanup that may not be possible now. */
type Part<T> = { readonly done: T } | { readonly failed: GatehouseError }

/** What the container engine has left over. Without an engine that is said; asked for alone it is an error. */
export function servicesPart(call: Call, dryRun: boolean): Promise<Part<ServiceCleanup>> {
  return part(cleanServices(call, dryRun))
}

/** What OAuth has left over. */
export function oauthPart(call: Call, dryRun: boolean): Promise<Part<CleanupReport>> {
  return part(cleanOAuth({ ...call, idempotencyKey: undefined }, dryRun))
}

async function part<T>(work: Promise<T>): Promise<Part<T>> {
  try {
    return { done: await work }
  } catch (error) {
    if (error instanceof GatehouseError && error.status === 503) return { failed: error }
    throw error
  }
}

/** By kind, as the report has them. */
export function byKind(found: readonly Orphan[]) {
  const of = (kind: z.infer<typeof OrphanKind>) =>
    found.filter((orphan) => orphan.kind === kind).map(({ name, reason }) => ({ name, reason }))
  return {
    certificates: of("certificates"),
    proxies: of("proxies"),
    routes: of("routes"),
    instances: of("instances"),
    resources: of("resources"),
  }
}
