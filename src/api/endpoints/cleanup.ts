import * as z from "zod"
import { byKind, oauthPart, removeOrphans, servicesPart, wantedOrphans } from "../cleanup.ts"
import type { Call } from "../endpoint.ts"
import { HostName } from "../../events/values.ts"
import { completeWorld } from "../complete-world.ts"
import { endpoint } from "../endpoint.ts"
import { flag } from "../list.ts"
import { nothingRemoved } from "../../commands/removal.ts"

const CleanupKind = z.enum(["certificates", "proxies", "routes", "instances", "resources", "services", "oauth"])
/** Kinds of which nothing is about one host. */
const hostless: ReadonlySet<string> = new Set(["instances", "services", "oauth"])

const Found = z.array(z.strictObject({ name: z.string(), reason: z.string() }))
const Names = z.array(z.string())

const Report = z.strictObject({
  dry_run: z.boolean(),
  found: z.strictObject({
    certificates: Found,
    proxies: Found,
    routes: Found,
    instances: Found,
    resources: Found,
    services: z
      .array(z.strictObject({ container_id: z.string(), service: z.string() }))
      .describe("Containers of this installation that no record names."),
    oauth: z
      .strictObject({ expired: z.int(), revoked_families: z.int(), unused_clients: z.int() })
      .nullable()
      .describe("Null when it was not looked at."),
  }),
  total: z.int().describe("All that was found."),
  missing_containers: Names.describe("Services whose container is gone; it is made again by itself."),
  unavailable: z
    .array(z.strictObject({ kind: CleanupKind, code: z.string(), detail: z.string() }))
    .describe("Kinds that could not be looked at now."),
  removed: z.strictObject({
    certificates: Names,
    proxies: Names,
    routes: Names,
    instances: Names,
    resources: Names,
    services: Names.describe("Ids of containers."),
    oauth: z.int(),
  }),
  remaining: z.int().describe("Records that this call has left for the next: one call removes at most 1000."),
})

const Request = z.strictObject({
  kinds: z.array(CleanupKind).min(1).max(7).optional().describe("All unless some are named."),
  hostname: HostName.optional().describe("Only what is about this host."),
  dry_run: z.boolean().optional(),
})

type CleanupCall = Call<unknown, { dry_run: boolean }, z.output<typeof Request>>

async function clean(call: CleanupCall): Promise<z.infer<typeof Report>> {
  const { kinds = CleanupKind.options, hostname } = call.body
  const dry_run = call.body.dry_run ?? call.query.dry_run
  await completeWorld(call.api)
  const wanted = new Set<string>(kinds.filter((kind) => hostname === undefined || !hostless.has(kind)))
  const found = wantedOrphans(call.api, { kinds: wanted, hostname })
  const gone = dry_run ? nothingRemoved : await removeOrphans(call, found)
  const services = wanted.has("services") ? await servicesPart(call, dry_run) : undefined
  const oauth = wanted.has("oauth") ? await oauthPart(call, dry_run) : undefined
  const failures = { services, oauth }
  const unavailable = (["services", "oauth"] as const).flatMap((kind) => {
    const part = failures[kind]
    return part !== undefined && "failed" in part
      ? [{ kind, code: part.failed.code, detail: part.failed.message, error: part.failed }]
      : []
  })
  // Who asks for one thing is not told that all went well without it.
  if (unavailable.length > 0 && unavailable.length === wanted.size) throw unavailable[0]!.error
  const engine = services !== undefined && "done" in services ? services.done : undefined
  const tokens = oauth !== undefined && "done" in oauth ? oauth.done : undefined
  const { expired = 0, revoked_families = 0, unused_clients = 0 } = tokens ?? {}
  const containers = engine?.orphaned_containers ?? []
  return {
    dry_run,
    found: {
      ...byKind(found),
      services: containers.map(({ container_id, service }) => ({ container_id, service })),
      oauth: tokens === undefined ? null : { expired, revoked_families, unused_clients },
    },
    total: found.length + containers.length + expired + revoked_families + unused_clients,
    missing_containers: [...(engine?.missing_containers ?? [])],
    unavailable: unavailable.map(({ kind, code, detail }) => ({ kind, code, detail })),
    removed: {
      certificates: [...gone.certificates],
      proxies: [...gone.proxies],
      routes: [...gone.routes],
      instances: [...gone.instances],
      resources: [...gone.resources],
      services: [...(engine?.removed ?? [])],
      oauth: tokens?.removed ?? 0,
    },
    remaining: dry_run ? 0 : wantedOrphans(call.api, { kinds: wanted, hostname }).length,
  }
}

const cleanup = endpoint({
  method: "POST",
  path: "/api/v1/cleanup",
  operationId: "cleanUp",
  tag: "system",
  summary: "Find what nothing has a use for any more, and remove it unless dry_run; what is merely switched off stays.",
  who: "admin",
  query: z.strictObject({ dry_run: flag(true) }),
  body: Request,
  status: 200,
  response: Report,
  errors: ["projection_incomplete", "docker_unavailable"],
  handler: async (call) => ({ body: await clean(call) }),
})

/** What removes leftovers. */
export const cleanupEndpoints = [cleanup]
