import * as z from "zod"
import { WebhookName } from "../events/webhook.ts"
import {
  type Service,
  type ServiceEvent,
  ServiceName,
  ServiceSettings,
  type Settings,
  evolveService,
} from "../events/service.ts"
import { EnvironmentRefs, NewServiceFields, ServiceFields, checkSettings, settingsOf } from "./service-request.ts"
import { command, equal, existing, fact, invalid, requireAdmin, requireOwner } from "./decision.ts"
import { instanceUsers, nextOwner, ownerOf, refuseUsed, serviceUsers } from "./ownership.ts"
import { type World, find, referring } from "../events/world.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { InstanceName } from "../events/instance.ts"
import type { NewEvent } from "../events/envelope.ts"
import { choosePort } from "./service-port.ts"
import { removal } from "./removal.ts"
import { serviceProxy } from "./service-proxy.ts"

const service = ({ service_name }: { service_name: string }) => ({ kind: "service" as const, id: service_name })
const Named = z.strictObject({ service_name: ServiceName })

/** The caller's service. @throws GatehouseError `not_found`, `not_owner`, `invalid_state` */
function ownedService(name: string, world: World, context: Context): Service {
  const state = existing(find(world, "service", name), `service ${name}`)
  requireOwner(context, state.owner)
  if (state.desired_state === "removed")
    throw new GatehouseError("invalid_state", `the service ${name} is being removed`)
  return state
}

const CreateService = command(
  NewServiceFields.extend({ environment: EnvironmentRefs, auto_proxy: z.boolean().default(false) }),
  service,
  (data, world, context) => {
    const { service_name, owner: asked, auto_proxy, environment, ...fields } = data
    const owner = ownerOf(asked, world, context)
    if (service_name === "cleanup") throw new GatehouseError("reserved_name", `${service_name} is reserved`)
    if (find(world, "service", service_name) !== undefined)
      throw new GatehouseError("already_exists", `there is a service ${service_name} already`)
    if (!context.actor.admin) refuseLeftovers(service_name, owner, world)
    const settings = {
      network: context.policy.services.networks[0]!,
      ...settingsOf(fields),
      environment: environmentOf(environment, []),
    } as Settings
    checkSettings(settings, context)
    const port = settings.expose ? choosePort(service_name, settings.external_port, [], world, context) : null
    const created = fact("service", service_name, "ServiceCreated", { ...copyOf(settings), service_name, owner, port })
    const instance = instanceEvents(service_name, owner, world, context)
    const proxy = auto_proxy
      ? serviceProxy(service_name, owner, {}, withService(created, world, context), context)
      : undefined
    return {
      events: [created, ...instance, ...(proxy?.events ?? [])],
      result: { proxy_created: proxy?.hostname ?? null, instance_registered: instance.length > 0 },
    }
  },
)

/** A route that outlived its service must not lead to whoever takes the name next. @throws GatehouseError `in_use` */
function refuseLeftovers(service_name: string, owner: string, world: World): void {
  const users = [...serviceUsers(world, service_name), ...instanceUsers(world, `docker-${service_name}`)]
  refuseUsed(
    users.filter((user) => user.owner !== owner),
    "objects of others lead to this name",
  )
}

/** The world as it is with a new service. */
function withService(created: NewEvent, world: World, { now }: Context): World {
  const state = evolveService(undefined, created as unknown as ServiceEvent, now)!
  const service = new Map([...world.objects.service, [created.id, { version: 0, state }]])
  return { ...world, objects: { ...world.objects, service } }
}

/** Settings as an event has them: plain lists that nothing else holds. */
const copyOf = (settings: Settings) => structuredClone(settings) as z.infer<typeof ServiceSettings>

function environmentOf(
  given: z.infer<typeof EnvironmentRefs>,
  before: Settings["environment"],
): Settings["environment"] {
  if (new Set(given.map(({ name }) => name)).size < given.length) throw invalid("environment", "names a variable twice")
  return given.map(({ name, value_ref }) => {
    const ref = value_ref ?? before.find((known) => known.name === name)?.value_ref
    if (ref === undefined) throw invalid("environment", `${name} has no value yet`)
    return { name, value_ref: ref }
  })
}

/** The name in the registry by which routes and proxies may lead to a service. */
function instanceEvents(service_name: string, owner: string, world: World, { actor }: Context): NewEvent[] {
  const name = `docker-${service_name}`
  if (!InstanceName.safeParse(name).success || find(world, "instance", name) !== undefined) return []
  const registered = {
    name,
    target_url: `service://${service_name}`,
    description: `Docker service ${service_name}`,
    owner,
    created_by: actor.name,
  }
  return [fact("instance", name, "InstanceRegistered", registered)]
}

const UpdateService = command(
  Named.extend({
    changes: ServiceFields.partial(),
    environment: EnvironmentRefs.optional(),
    owner: z.string().max(64).optional(),
  }),
  service,
  ({ service_name, changes, environment, owner: asked }, world, context) => {
    const state = ownedService(service_name, world, context)
    const owner = nextOwner(asked, state.owner, world, context)
    const next: Settings = {
      ...state,
      ...settingsOf(changes, state),
      ...(environment !== undefined && { environment: environmentOf(environment, state.environment) }),
    }
    const differing = settingNames.filter((name) => !equal(next[name], state[name]))
    const events: NewEvent[] = owner === state.owner ? [] : handOver(state, owner, world)
    if (differing.length === 0) return { events, result: { changed: events.length > 0 } }
    checkSettings(next, context)
    if (next.external_port !== null) choosePort(service_name, next.external_port, [], world, context)
    const changed = Object.fromEntries(differing.map((name) => [name, next[name]])) as Partial<Settings>
    events.push(
      fact(
        "service",
        service_name,
        "ServiceUpdated",
        structuredClone(changed) as Partial<z.infer<typeof ServiceSettings>>,
      ),
    )
    return { events, result: { changed: true } }
  },
)

const settingNames = Object.keys(ServiceSettings.shape) as (keyof Settings)[]

/** Another owner, with the name that leads to it. */
function handOver({ service_name, owner }: Service, to: string, world: World): NewEvent[] {
  const name = `docker-${service_name}`
  const instance = find(world, "instance", name)
  return [
    fact("service", service_name, "ServiceReassigned", { owner: to }),
    ...(instance?.owner === owner ? [fact("instance", name, "InstanceReassigned", { owner: to })] : []),
  ]
}

/** Statuses in which a container may run. */
const live: ReadonlySet<Service["status"]> = new Set([
  "starting",
  "running",
  "restarting",
  "updating",
  "stopping",
  "unknown",
])

const DeleteService = command(
  Named.extend({ force: z.boolean().default(false), delete_proxy: z.boolean().default(true) }),
  service,
  ({ service_name, force, delete_proxy }, world, context) => {
    const state = ownedService(service_name, world, context)
    if (!force && live.has(state.status))
      throw new GatehouseError("invalid_state", `the service is ${state.status}; stop it, or delete it with force`)
    const proxies = delete_proxy ? proxiesOf(world, service_name) : []
    return {
      events: removal({ services: [service_name], proxies }, world).events,
      result: { deleted_proxy: proxies[0] ?? null },
    }
  },
)

/** Host names of the proxies that were made for a service. */
function proxiesOf(world: World, service_name: string): string[] {
  return referring(world, "proxy", `service/${service_name}`)
    .filter((proxy) => proxy.service === service_name)
    .map(({ hostname }) => hostname)
}

const StartService = command(Named, service, ({ service_name }, world, context) => {
  const { desired_state, status } = ownedService(service_name, world, context)
  const wanted = desired_state === "running" && status !== "failed" && status !== "crashed"
  return {
    events: wanted ? [] : [fact("service", service_name, "ServiceStartRequested", {})],
    result: { changed: !wanted },
  }
})

const Grace = z.number().int().min(0).max(300).default(10)

const StopService = command(Named.extend({ grace: Grace }), service, ({ service_name, grace }, world, context) => {
  const stopped = ownedService(service_name, world, context).desired_state === "stopped"
  return {
    events: stopped ? [] : [fact("service", service_name, "ServiceStopRequested", { grace })],
    result: { changed: !stopped },
  }
})

const RestartService = command(Named.extend({ grace: Grace }), service, ({ service_name, grace }, world, context) => {
  ownedService(service_name, world, context)
  return { events: [fact("service", service_name, "ServiceRestartRequested", { grace })], result: { changed: true } }
})

/** Secrets of tokens, services and webhooks left Gatehouse in an export, sealed under a passphrase: each is told of. */
const ExportSecrets = command(
  z.strictObject({
    tokens: z.array(z.string()).max(100_000),
    services: z.array(ServiceName).max(100_000),
    webhooks: z.array(WebhookName).max(100_000).default([]),
  }),
  () => service({ service_name: "export" }),
  ({ tokens, services, webhooks }, world, context) => {
    requireAdmin(context)
    const by = context.actor.name
    return {
      events: [
        ...tokens
          .filter((id) => find(world, "api-token", id) !== undefined)
          .map((id) => fact("api-token", id, "TokenRevealed", { by })),
        ...services
          .filter((name) => find(world, "service", name) !== undefined)
          .map((name) => fact("service", name, "ServiceSecretsExported", { by })),
        ...webhooks
          .filter((name) => find(world, "webhook", name) !== undefined)
          .map((name) => fact("webhook", name, "WebhookSecretExported", { by })),
      ],
    }
  },
)

const CreateServiceProxy = command(
  Named.extend({
    hostname: z.string().max(1024).optional(),
    enable_https: z.boolean().default(false),
    cert_email: z.string().max(254).optional(),
    staging: z.boolean().default(false),
  }),
  service,
  ({ service_name, ...wish }, world, context) => {
    const { owner } = ownedService(service_name, world, context)
    const { events, ...result } = serviceProxy(service_name, owner, wish, world, context)
    return { events, result }
  },
)

/** Commands about services. */
export const serviceCommands = {
  CreateService,
  UpdateService,
  DeleteService,
  StartService,
  StopService,
  RestartService,
  CreateServiceProxy,
  ExportSecrets,
} as const
