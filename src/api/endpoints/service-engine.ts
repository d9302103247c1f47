import * as z from "zod"
import { cleanServices, engineOf } from "../service-cleanup.ts"
import { Named } from "./services.ts"
import { completeWorld } from "../complete-world.ts"
import { type Answer, type Call, endpoint } from "../endpoint.ts"
import type { LogOptions } from "../service-engine.ts"
import { heldLines } from "../held-lines.ts"
import { flag, integer } from "../list.ts"
import { eventStream } from "../event-stream.ts"
import { ownObject } from "../access.ts"

const tag = "services"
const base = "/api/v1/services"
/** Longer than an engine that does not answer is waited for: the caller shall read that it is the engine. */
const deadline = 60

const logs = endpoint({
  method: "GET",
  path: `${base}/{name}/logs`,
  operationId: "getServiceLogs",
  deadline,
  tag,
  summary: "Show the last lines that a service has printed; with follow as server-sent events that go on.",
  who: "owner",
  params: Named,
  query: z.strictObject({
    lines: integer(1, 5000, 100),
    timestamps: flag(false),
    since: z.iso.datetime({ offset: true }).optional(),
    follow: flag(false),
  }),
  streams: "follow",
  status: 200,
  response: z.strictObject({ service_name: z.string(), logs: z.array(z.string()), lines: z.int() }),
  contentTypes: ["application/json", "text/event-stream"],
  errors: ["not_owner", "invalid_state", "docker_unavailable"],
  async handler(call) {
    const { service_name } = ownObject(call, "service", call.params.name)
    const { lines, timestamps, since, follow } = call.query
    const options = { lines, timestamps, since: since === undefined ? undefined : Math.floor(Date.parse(since) / 1000) }
    if (follow) return followed(call, service_name, options)
    const found = await engineOf(call).logs(service_name, options)
    return { body: { service_name, logs: found, lines: found.length } }
  },
})

/** The lines and what follows, as long as the token is good. */
async function followed(call: Call, service: string, options: LogOptions): Promise<Answer> {
  const engine = engineOf(call)
  const place = call.api.subscriptions.hold(call.caller)
  try {
    const lines = await engine.follow(service, options, AbortSignal.any([call.signal, place.signal]))
    return eventStream(heldLines(place, lines))
  } catch (error) {
    place.end("left")
    throw error
  }
}

const stats = endpoint({
  method: "GET",
  path: `${base}/{name}/stats`,
  operationId: "getServiceStats",
  deadline,
  tag,
  summary: "Show what a running service uses of CPU, memory and network.",
  who: "owner",
  params: Named,
  status: 200,
  response: z.strictObject({
    cpu_percent: z.number().describe("Of one CPU."),
    memory_usage: z.int().describe("Bytes."),
    memory_limit: z.int(),
    network_rx: z.int(),
    network_tx: z.int(),
    pids: z.int(),
    uptime_seconds: z.int(),
  }),
  errors: ["not_owner", "invalid_state", "docker_unavailable"],
  async handler(call) {
    const { service_name } = ownObject(call, "service", call.params.name)
    return { body: await engineOf(call).stats(service_name) }
  },
})

const Orphan = z.strictObject({ container_id: z.string(), service: z.string() })

const cleanup = endpoint({
  method: "POST",
  path: `${base}/cleanup`,
  operationId: "cleanupServices",
  deadline,
  tag,
  summary:
    "Find containers of this installation that no service has, and remove them unless dry_run; foreign containers are never touched.",
  who: "admin",
  query: z.strictObject({ dry_run: flag(true) }),
  status: 200,
  response: z.strictObject({
    dry_run: z.boolean(),
    orphaned_containers: z.array(Orphan),
    orphaned_ports: z.array(z.int()),
    missing_containers: z.array(z.string()).describe("Services whose container is gone; it is made again by itself."),
    removed: z.array(z.string()).describe("Ids of the containers that were removed."),
  }),
  errors: ["docker_unavailable", "projection_incomplete"],
  async handler(call) {
    await completeWorld(call.api)
    const { dry_run } = call.query
    return { body: { dry_run, ...(await cleanServices(call, dry_run)) } }
  },
})

/** Endpoints that ask the container engine. */
export const serviceEngineEndpoints = [logs, stats, cleanup]
