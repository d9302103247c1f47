import * as z from "zod"
import { Port, type Service, ServiceHealth, ServiceName, serviceEvents } from "../events/service.ts"
import { command, existing, fact, requireAdmin } from "./decision.ts"
import { type World, find } from "../events/world.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { choosePort } from "./service-port.ts"

const Named = z.strictObject({ service_name: ServiceName })
/** A report answers one request. */
const About = Named.extend({ request: z.number().int() })
const service = ({ service_name }: { service_name: string }) => ({ kind: "service" as const, id: service_name })

type Desired = Service["desired_state"]

/** The service, if it is still to be what the worker made of it; else the report comes too late. */
function working(data: z.infer<typeof About>, desired: Desired, world: World, context: Context): Service {
  requireAdmin(context)
  const state = existing(find(world, "service", data.service_name), `service ${data.service_name}`)
  if (state.desired_state !== desired)
    throw new GatehouseError("invalid_state", `the service is to be ${state.desired_state}`)
  if (data.request !== state.request)
    throw new GatehouseError("invalid_state", "something else was asked of the service meanwhile")
  return state
}

const RecordServiceWork = command(
  About.extend(serviceEvents.ServiceWorkStarted.shape),
  service,
  ({ status, ...about }, world, context) => {
    const same = working(about, "running", world, context).status === status
    const { service_name } = about
    return { events: same ? [] : [fact("service", service_name, "ServiceWorkStarted", { status })] }
  },
)

const ReserveServicePort = command(
  About.extend({ avoid: z.array(Port).max(1000) }),
  service,
  ({ avoid, ...about }, world, context) => {
    const { service_name, external_port, ports } = working(about, "running", world, context)
    if (external_port !== null && !avoid.includes(external_port)) return { events: [], result: { port: external_port } }
    const spare = ports.find((port) => port !== external_port && !avoid.includes(port))
    if (spare !== undefined) return { events: [], result: { port: spare } }
    const port = choosePort(service_name, null, avoid, world, context)
    return { events: [fact("service", service_name, "ServicePortReserved", { port })], result: { port } }
  },
)

const ReleaseServicePorts = command(
  About.extend({ keep: z.array(Port).max(10) }),
  service,
  ({ keep, ...about }, world, context) => {
    const { service_name, ports, external_port } = working(about, "running", world, context)
    const free = ports.filter((port) => port !== external_port && !keep.includes(port))
    return { events: free.length === 0 ? [] : [fact("service", service_name, "ServicePortsReleased", { ports: free })] }
  },
)

const RecordServiceContainer = command(
  About.extend(serviceEvents.ServiceContainerCreated.shape),
  service,
  ({ service_name, request, ...container }, world, context) => {
    const state = working({ service_name, request }, "running", world, context)
    if (state.container?.container_id === container.container_id) return { events: [] }
    return { events: [fact("service", service_name, "ServiceContainerCreated", container)] }
  },
)

const RecordServiceStarted = command(
  About.extend(serviceEvents.ServiceStarted.shape),
  service,
  ({ service_name, request, ...container }, world, context) => {
    const { revision, failed_revision } = working({ service_name, request }, "running", world, context)
    // A container of earlier settings counts only while the present ones have failed.
    if (container.revision !== revision && failed_revision !== revision)
      throw new GatehouseError("invalid_state", "the service has newer settings")
    return { events: [fact("service", service_name, "ServiceStarted", container)] }
  },
)

const RecordServiceHealth = command(
  About.extend({ health: ServiceHealth }),
  service,
  ({ health, ...about }, world, context) => {
    const same = working(about, "running", world, context).health === health
    const { service_name } = about
    return { events: same ? [] : [fact("service", service_name, "ServiceHealthChanged", { health })] }
  },
)

const RecordServiceStopped = command(About, service, (about, world, context) => {
  const same = working(about, "stopped", world, context).status === "stopped"
  const { service_name } = about
  return { events: same ? [] : [fact("service", service_name, "ServiceStopped", {})] }
})

const RecordServiceCrashed = command(
  About.extend({ code: z.string().max(64), detail: z.string().max(1000) }),
  service,
  ({ service_name, request, ...error }, world, context) => {
    working({ service_name, request }, "running", world, context)
    return { events: [fact("service", service_name, "ServiceCrashed", error)] }
  },
)

const RecordServiceFailure = command(
  About.extend(serviceEvents.ServiceAttemptFailed.shape).extend({ detail: z.string().max(1000) }),
  service,
  ({ service_name, request, ...failure }, world, context) => {
    working({ service_name, request }, "running", world, context)
    return { events: [fact("service", service_name, "ServiceAttemptFailed", failure)] }
  },
)

const RecordServiceLost = command(Named, service, ({ service_name }, world, context) => {
  requireAdmin(context)
  const { status } = existing(find(world, "service", service_name), `service ${service_name}`)
  const same = status === "unknown" || status === "removing"
  return { events: same ? [] : [fact("service", service_name, "ServiceLost", {})] }
})

const RecordServiceRemoved = command(About, service, (about, world, context) => {
  const { service_name } = working(about, "removed", world, context)
  return { events: [fact("service", service_name, "ServiceRemoved", { service_name })] }
})

const RecordOrphanRemoved = command(
  Named.extend({ container_id: z.string().max(128) }),
  service,
  ({ service_name, container_id }, _world, context) => {
    requireAdmin(context)
    return { events: [fact("service", service_name, "ServiceOrphanRemoved", { container_id })] }
  },
)

/** Commands by which the Docker effect reports what it did and saw. */
export const serviceReports = {
  RecordServiceWork,
  ReserveServicePort,
  ReleaseServicePorts,
  RecordServiceContainer,
  RecordServiceStarted,
  RecordServiceHealth,
  RecordServiceStopped,
  RecordServiceCrashed,
  RecordServiceFailure,
  RecordServiceLost,
  RecordServiceRemoved,
  RecordOrphanRemoved,
} as const
