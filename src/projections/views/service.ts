import * as z from "zod"
import { type Service, ServiceHealth, ServiceSettings, ServiceStatus } from "../../events/service.ts"
import type { World } from "../../events/world.ts"
import { proxiesTo } from "../../events/targets.ts"
import { ownerFields } from "./owner.ts"

const names = z.record(z.string(), z.string())

/** A service: its settings, what is wanted, and what is. Values of its environment are never shown. */
export const ServiceView = ServiceSettings.omit({ build: true })
  .extend({
    service_name: z.string(),
    dockerfile_path: z.string().nullable(),
    build_context: z.string().nullable(),
    build_args: names,
    environment: z.array(z.string()).describe("Names; the values are in the vault."),
    labels: names,
    volumes: names,
    status: ServiceStatus,
    desired_state: z.enum(["running", "stopped", "removed"]),
    health: ServiceHealth,
    allocated_port: z.int().nullable().describe("Port of the host that leads to it."),
    container_id: z.string().nullable(),
    attempt: z.int().describe("Failed attempts since it was last asked for."),
    next_attempt_at: z.string().nullable(),
    last_error: z.strictObject({ code: z.string(), detail: z.string() }).nullable(),
    proxies: z.array(z.string()).describe("Host names of the proxies that lead to it."),
    owner: z.string(),
    owner_token_hash: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    version: z.int(),
  })
  .meta({ id: "Service" })

const record = (pairs: readonly { name: string; value: string }[]) =>
  Object.fromEntries(pairs.map(({ name, value }) => [name, value]))

/** View of a service. @param visible objects of which owners the reader may see */
export function serviceView(
  service: Service,
  world: World,
  visible: (owner: string) => boolean,
): z.infer<typeof ServiceView> {
  const { service_name, build, container, serving } = service
  const proxies = [
    ...proxiesTo(world, "service", service_name),
    ...proxiesTo(world, "instance", `docker-${service_name}`),
  ]
  return {
    service_name,
    image: service.image,
    dockerfile_path: build?.dockerfile_path ?? null,
    build_context: build?.build_context ?? null,
    build_args: record(build?.build_args ?? []),
    command: service.command && [...service.command],
    internal_port: service.internal_port ?? container?.internal_port ?? null,
    external_port: service.external_port,
    bind_address: service.bind_address,
    expose: service.expose,
    network: service.network,
    memory_limit: service.memory_limit,
    cpu_limit: service.cpu_limit,
    pids_limit: service.pids_limit,
    environment: service.environment.map(({ name }) => name),
    labels: record(service.labels),
    restart_policy: service.restart_policy,
    healthcheck: service.healthcheck,
    read_only_root: service.read_only_root,
    user: service.user,
    volumes: Object.fromEntries(service.volumes.map(({ name, path }) => [name, path])),
    status: service.status,
    desired_state: service.desired_state,
    health: service.health,
    allocated_port: (serving ?? container)?.port ?? service.ports[0] ?? null,
    container_id: (serving ?? container)?.container_id ?? null,
    attempt: service.attempt,
    next_attempt_at: service.next_attempt_at,
    last_error: service.last_error,
    proxies: proxies
      .filter(({ owner }) => visible(owner))
      .map(({ hostname }) => hostname)
      .sort(),
    ...ownerFields(world, service.owner),
    created_at: service.created_at,
    updated_at: service.updated_at,
    version: world.objects.service.get(service_name)?.version ?? 0,
  }
}
