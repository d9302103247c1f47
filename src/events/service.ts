import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant, SecretRef } from "./values.ts"

/** Name of a service. */
export const ServiceName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, "1 to 63 of a-z 0-9 _ -, first a letter or digit")

/** Port of the host. */
export const Port = z.number().int().min(1).max(65_535)

const Pair = z.strictObject({ name: z.string(), value: z.string() })

/**
 * Settings of a service, as its containers are made from them. Names that people choose stand as values, never as member
 * names: a member that ends in `_ref` would be taken for a vault entry.
 */
export const ServiceSettings = z.strictObject({
  /** Reference of an image; null for a service that is built. */
  image: z.string().nullable(),
  /** What is built instead; paths below the build directory. */
  build: z
    .strictObject({ dockerfile_path: z.string(), build_context: z.string().nullable(), build_args: z.array(Pair) })
    .nullable(),
  /** null: the image's own. */
  command: z.array(z.string()).nullable(),
  /** Port inside the container; null: the first that the image exposes, else 8080. */
  internal_port: Port.nullable(),
  /** Port of the host that was asked for; null: any of the range. */
  external_port: Port.nullable(),
  bind_address: z.string(),
  /** false: no port is published. */
  expose: z.boolean(),
  network: z.string(),
  /** Bytes with an optional unit: b, k, m, g. Swap is never more. */
  memory_limit: z.string(),
  /** CPUs. */
  cpu_limit: z.number(),
  pids_limit: z.number().int(),
  environment: z.array(z.strictObject({ name: z.string(), value_ref: SecretRef })),
  labels: z.array(Pair),
  restart_policy: z.enum(["no", "on-failure", "always", "unless-stopped"]),
  /** null: the image's own. Times in seconds. */
  healthcheck: z
    .strictObject({
      command: z.array(z.string()),
      interval: z.number(),
      timeout: z.number(),
      retries: z.number().int(),
    })
    .nullable(),
  read_only_root: z.boolean(),
  /** null: the image's own. */
  user: z.string().nullable(),
  /** Named volumes of this service alone and where they are mounted. */
  volumes: z.array(z.strictObject({ name: z.string(), path: z.string() })),
})

/** Where a service is; changed by what the worker observes, except for what a command sets in motion. */
export const ServiceStatus = z.enum([
  "pending",
  "pulling",
  "building",
  "starting",
  "running",
  "stopping",
  "stopped",
  "restarting",
  "updating",
  "crashed",
  "failed",
  "unknown",
  "removing",
])

/** What the engine says about a container's health; `none`: it has no health check. */
export const ServiceHealth = z.enum(["none", "starting", "healthy", "unhealthy"])

const ServiceError = z.strictObject({ code: z.string(), detail: z.string() })

/** A container of a service. `port` is the host's port that leads to it; null when none is published. */
const Container = z.strictObject({
  container_id: z.string(),
  /** Which settings it was made from. */
  revision: z.number().int(),
  port: Port.nullable(),
  /** Address of the host that the port is bound to. */
  address: z.string(),
  internal_port: Port,
})

/** Events of a service; the aggregate's id is its name. */
export const serviceEvents = {
  ServiceCreated: ServiceSettings.extend({
    service_name: ServiceName,
    owner: z.string(),
    /** The host's port that is reserved for it. */
    port: Port.nullable(),
  }),
  /** New settings: the next revision. */
  ServiceUpdated: ServiceSettings.partial(),
  ServiceReassigned: z.strictObject({ owner: z.string() }),
  ServiceStartRequested: z.strictObject({}),
  /** `grace`: seconds until the container is killed. */
  ServiceStopRequested: z.strictObject({ grace: z.number().int() }),
  ServiceRestartRequested: z.strictObject({ grace: z.number().int() }),
  ServiceRemovalRequested: z.strictObject({ service_name: ServiceName }),

  /** `updating`: while another container serves. */
  ServiceWorkStarted: z.strictObject({ status: z.enum(["pulling", "building", "starting", "updating"]) }),
  ServicePortReserved: z.strictObject({ port: Port }),
  /** Ports that no container holds any more. */
  ServicePortsReleased: z.strictObject({ ports: z.array(Port) }),
  ServiceContainerCreated: Container,
  ServiceStarted: Container.extend({
    health: ServiceHealth,
    /** When the container's process began, as the engine says it; another time is another run of it. */
    started_at: z.string().max(64).optional(),
    /** Its port took connections. */
    heard: z.boolean().optional(),
  }),
  ServiceHealthChanged: z.strictObject({ health: ServiceHealth }),
  ServiceStopped: z.strictObject({}),
  ServiceCrashed: ServiceError,
  /** `next_attempt_at` null: nobody tries again by itself. */
  ServiceAttemptFailed: ServiceError.extend({ next_attempt_at: Instant.nullable() }),
  /** The engine cannot be reached. */
  ServiceLost: z.strictObject({}),
  ServiceRemoved: z.strictObject({ service_name: ServiceName }),
  /** A container of this installation that no record named was removed by hand. */
  ServiceOrphanRemoved: z.strictObject({ container_id: z.string() }),
  /** The values of its environment left Gatehouse, sealed under a passphrase. */
  ServiceSecretsExported: z.strictObject({ by: z.string() }),
} as const

/** Event of a service. */
export type ServiceEvent = EventOf<typeof serviceEvents>

/** Settings of a service. */
export type Settings = Readonly<z.infer<typeof ServiceSettings>>

/** A container that Gatehouse keeps running, and the port that leads to it. */
export interface Service extends Settings {
  readonly service_name: string
  readonly owner: string
  /** Counts the settings from 1; a container belongs to one revision. */
  readonly revision: number
  /** Counts what was asked of it: a report about an earlier request comes too late. */
  readonly request: number
  readonly desired_state: "running" | "stopped" | "removed"
  readonly status: z.infer<typeof ServiceStatus>
  readonly health: z.infer<typeof ServiceHealth>
  /** The container that the engine was last seen to have. */
  readonly container: Readonly<z.infer<typeof Container>> | null
  /** The container that requests are sent to. */
  readonly serving: Readonly<z.infer<typeof Container>> | null
  /** When the process of `serving` began, as the engine says it; null: not noted. */
  readonly started_at: string | null
  /** A container of the present settings has listened on its port: if it does not after a restart, something is wrong. */
  readonly heard: boolean
  /** Ports of the host that nobody else gets. */
  readonly ports: readonly number[]
  /** Failed attempts since the last request. */
  readonly attempt: number
  readonly next_attempt_at: string | null
  readonly last_error: Readonly<z.infer<typeof ServiceError>> | null
  /** Settings that did not run: the container before them is kept. */
  readonly failed_revision: number | null
  /** Crashes since the last request. */
  readonly crashes: number
  /** Seconds that a container gets to end. */
  readonly grace: number
  readonly created_at: string
  readonly updated_at: string
}

const fresh = { attempt: 0, next_attempt_at: null, failed_revision: null, crashes: 0 } as const
const defaultGrace = 10

/** Folds a service's events. */
export const evolveService: Evolve<Service, ServiceEvent> = (state, event, at) => {
  if (event.type === "ServiceCreated") {
    const { port, ...settings } = event.data
    return {
      ...settings,
      ...fresh,
      revision: 1,
      request: 1,
      desired_state: "running",
      status: "pending",
      health: "none",
      container: null,
      serving: null,
      started_at: null,
      heard: false,
      ports: port === null ? [] : [port],
      last_error: null,
      grace: defaultGrace,
      created_at: at,
      updated_at: at,
    }
  }
  if (state === undefined || event.type === "ServiceRemoved") return undefined
  const asked = requests.has(event.type) ? { ...fresh, request: state.request + 1 } : {}
  return { ...state, ...asked, ...change(state, event), updated_at: at }
}

const requests: ReadonlySet<string> = new Set([
  "ServiceUpdated",
  "ServiceStartRequested",
  "ServiceStopRequested",
  "ServiceRestartRequested",
  "ServiceRemovalRequested",
])

type Change = Exclude<ServiceEvent, { type: "ServiceCreated" | "ServiceRemoved" }>

function change(state: Service, event: Change): Partial<Service> {
  switch (event.type) {
    case "ServiceUpdated": {
      const asked = event.data.external_port ?? null
      return {
        ...(event.data as Partial<Settings>),
        revision: state.revision + 1,
        heard: false,
        ports: asked === null ? state.ports : [...new Set([...state.ports, asked])],
        ...(state.desired_state === "running" && { status: state.serving === null ? "pending" : "updating" }),
      }
    }
    case "ServiceReassigned":
      return event.data
    case "ServiceStartRequested":
      return { desired_state: "running", status: "starting", last_error: null }
    // Nothing is sent to a container that is about to end.
    case "ServiceStopRequested":
      return { desired_state: "stopped", status: "stopping", serving: null, grace: event.data.grace }
    case "ServiceRestartRequested":
      return { desired_state: "running", status: "restarting", serving: null, grace: event.data.grace }
    case "ServiceRemovalRequested":
      return { desired_state: "removed", status: "removing", serving: null }
    case "ServiceWorkStarted":
      return { status: event.data.status, ...(event.data.status !== "updating" && { serving: null }) }
    case "ServicePortReserved":
      return { ports: [...state.ports, event.data.port] }
    case "ServicePortsReleased":
      return { ports: state.ports.filter((port) => !event.data.ports.includes(port)) }
    case "ServiceContainerCreated":
      return { container: event.data }
    case "ServiceStarted":
      return started(state, event.data)
    case "ServiceHealthChanged":
      return event.data
    case "ServiceStopped":
      return { status: "stopped", serving: null, health: "none" }
    case "ServiceCrashed":
      return { status: "crashed", serving: null, health: "none", crashes: state.crashes + 1, last_error: event.data }
    case "ServiceAttemptFailed":
      return failed(state, event.data)
    case "ServiceLost":
      return { status: "unknown" }
    case "ServiceOrphanRemoved":
    case "ServiceSecretsExported":
      return {}
  }
}

function started(state: Service, data: z.infer<typeof serviceEvents.ServiceStarted>): Partial<Service> {
  const { health, started_at = null, heard = false, ...container } = data
  const common = {
    attempt: 0,
    next_attempt_at: null,
    status: "running",
    health,
    container,
    serving: container,
    started_at,
    // The container before the present settings says nothing about these.
    heard: heard && data.revision === state.revision,
  } as const
  // The container before the present settings: why these did not run stays known.
  return data.revision === state.revision ? { ...common, failed_revision: null, last_error: null } : common
}

function failed(state: Service, data: z.infer<typeof serviceEvents.ServiceAttemptFailed>): Partial<Service> {
  const { next_attempt_at, ...last_error } = data
  const common = { attempt: state.attempt + 1, next_attempt_at, last_error }
  if (next_attempt_at !== null) return common
  if (state.serving === null) return { ...common, status: "failed" }
  // What was there before goes on.
  return { ...common, status: "running", failed_revision: state.revision, container: state.serving }
}

/** May objects of one owner lead to a service of another? Only an administrator's. */
export function mayUseService(owner: string, service: Pick<Service, "owner">): boolean {
  return owner === service.owner || owner === "admin"
}
