import * as z from "zod"
import { Port, ServiceName, ServiceSettings, type Settings } from "../events/service.ts"
import { imageAllowed, parseImage } from "./service-image.ts"
import { invalid, requireAdmin } from "./decision.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { SecretRef } from "../events/values.ts"
import { parseAddress } from "../events/target-address.ts"

const words = z
  .array(
    z
      .string()
      .max(8192)
      .regex(/^[^\0]*$/),
  )
  .max(256)
const seconds = z.number().min(1).max(3600)

/** Path below the build directory. */
const BuildPath = z
  .string()
  .max(512)
  .regex(/^(?![-/~])[^\0\\]+$/, "must be a relative path")
  .refine((path) => !path.split("/").includes(".."), "must not contain ..")

const units = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 } as const

/** Bytes that a memory limit stands for. */
export function memoryBytes(limit: string): number {
  const [, amount = "0", unit = "b"] = /^(\d+)([bkmg]?)$/.exec(limit) ?? []
  return Number(amount) * units[(unit === "" ? "b" : unit) as keyof typeof units]
}

const MemoryLimit = z
  .string()
  .toLowerCase()
  .regex(/^\d{1,15}[bkmg]?$/, "must be a number with b, k, m or g, such as 512m")
  .refine(
    (limit) => memoryBytes(limit) >= 16 * units.m && memoryBytes(limit) <= 64 * units.g,
    "must be from 16m to 64g",
  )

const named = (name: RegExp, value: z.ZodType<string, string>) =>
  z.record(z.string().regex(name), value).refine((record) => Object.keys(record).length <= 200, "at most 200")

/** Name of an environment variable. */
export const VariableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/, "is not the name of a variable")

/** Settings that a caller may choose, without the environment; every other option of the engine is Gatehouse's own. */
export const ServiceFields = z.strictObject({
  image: z
    .string()
    .refine((text) => parseImage(text) !== undefined, "is not an image reference")
    .nullable(),
  dockerfile_path: BuildPath.nullable(),
  build_context: BuildPath.nullable(),
  build_args: named(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, z.string().max(4096)),
  command: words.min(1).nullable(),
  internal_port: Port.nullable(),
  external_port: Port.min(1024).nullable(),
  bind_address: z
    .string()
    .max(45)
    .refine((text) => parseAddress(text) !== undefined, "must be an IP address"),
  expose: z.boolean(),
  network: z.string().min(1).max(128),
  memory_limit: MemoryLimit,
  cpu_limit: z.number().positive().max(32),
  pids_limit: z.number().int().min(16).max(4096),
  labels: named(/^[a-z0-9][a-z0-9._/-]{0,127}$/, z.string().max(1024)),
  restart_policy: ServiceSettings.shape.restart_policy,
  healthcheck: z
    .strictObject({
      command: words.min(1),
      interval: seconds.default(30),
      timeout: seconds.default(30),
      retries: z.number().int().min(1).max(100).default(3),
    })
    .nullable(),
  read_only_root: z.boolean(),
  user: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/, "must be user or user:group")
    .nullable(),
  /** Name → where it is mounted. */
  volumes: named(
    /^[a-z0-9][a-z0-9_-]{0,30}$/,
    z
      .string()
      .max(512)
      .regex(/^\/(?!(proc|sys|dev)(\/|$))[^\0:]+$/, "must be an absolute path in the container"),
  ),
})

const { shape } = ServiceFields

/** The same for a new service, with what is left out. The network's default is the first that is allowed. */
export const NewServiceFields = ServiceFields.extend({
  image: shape.image.default(null),
  dockerfile_path: shape.dockerfile_path.default(null),
  build_context: shape.build_context.default(null),
  build_args: shape.build_args.default({}),
  command: shape.command.default(null),
  internal_port: shape.internal_port.default(null),
  external_port: shape.external_port.default(null),
  bind_address: shape.bind_address.default("127.0.0.1"),
  expose: shape.expose.default(true),
  network: shape.network.optional(),
  memory_limit: shape.memory_limit.default("512m"),
  cpu_limit: shape.cpu_limit.default(1),
  pids_limit: shape.pids_limit.default(256),
  labels: shape.labels.default({}),
  restart_policy: shape.restart_policy.default("unless-stopped"),
  healthcheck: shape.healthcheck.default(null),
  read_only_root: shape.read_only_root.default(true),
  user: shape.user.default(null),
  volumes: shape.volumes.default({}),
  service_name: ServiceName,
  owner: z.string().max(64).optional(),
})

/** Environment of a service: where the vault keeps each value; null: the value that it has. */
export const EnvironmentRefs = z.array(z.strictObject({ name: VariableName, value_ref: SecretRef.nullable() })).max(200)

/** Some of the fields; undefined stands for absent. */
type Given<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** What a caller asked for, as settings: records become lists, paths what is built. An image takes the place of a Dockerfile. */
export function settingsOf(fields: Given<z.infer<typeof ServiceFields>>, before?: Settings): Partial<Settings> {
  const { dockerfile_path, build_context, build_args, labels, volumes, ...rest } = fields
  const same = typeof dockerfile_path === "string" ? { image: null, ...defined(rest) } : rest
  const kept = typeof rest.image === "string" ? null : before?.build
  const built = { ...kept, ...defined({ dockerfile_path, build_context, build_args: build_args && pairs(build_args) }) }
  const build =
    typeof built.dockerfile_path === "string"
      ? {
          dockerfile_path: built.dockerfile_path,
          build_context: built.build_context ?? null,
          build_args: built.build_args ?? [],
        }
      : null
  return {
    ...defined(same),
    build,
    ...(labels !== undefined && { labels: pairs(labels) }),
    ...(volumes !== undefined && { volumes: Object.entries(volumes).map(([name, path]) => ({ name, path })) }),
  }
}

const pairs = (record: Record<string, string>) => Object.entries(record).map(([name, value]) => ({ name, value }))

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never
}

/**
 * What no schema can say about settings: which belong together, and who may choose them.
 * @throws GatehouseError `validation_failed`, `forbidden_option`, `image_not_allowed`, `admin_required`
 */
export function checkSettings(settings: Settings, context: Context): void {
  const { actor, policy } = context
  if ((settings.image === null) === (settings.build === null))
    throw invalid("image", "exactly one of image and dockerfile_path must be given")
  if (settings.build !== null) requireAdmin(context)
  if (!actor.admin && settings.image !== null && !imageAllowed(settings.image, policy.services.images))
    throw new GatehouseError("image_not_allowed")
  if (!actor.admin && !settings.bind_address.startsWith("127.") && settings.bind_address !== "::1")
    throw new GatehouseError("admin_required", "only an administrator may publish a port beyond this machine")
  if (!policy.services.networks.includes(settings.network))
    throw new GatehouseError("forbidden_option", `network: only ${policy.services.networks.join(", ")} may be joined`)
  const own = settings.labels.find(({ name }) => /^(gatehouse|com\.docker|io\.docker)(\.|$)/.test(name))
  if (own !== undefined) throw new GatehouseError("forbidden_option", `labels: ${own.name} is reserved`)
  const paths = settings.volumes.map(({ path }) => path.replace(/\/+$/, ""))
  if (paths.some((path) => path === "" || path.split("/").includes("..")) || new Set(paths).size < paths.length)
    throw invalid("volumes", "each must be mounted at a path of its own")
}
