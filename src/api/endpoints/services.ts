import * as z from "zod"
import { type Call, endpoint } from "../endpoint.ts"
import { NewServiceFields, ServiceFields, VariableName } from "../../commands/service-request.ts"
import { ServiceName, ServiceStatus } from "../../events/service.ts"
import { flag, integer, listOf, listPage, listQuery } from "../list.ts"
import { mayRead, ownObject } from "../access.ts"
import { versionOf, write } from "../write.ts"
import { ServiceView, serviceView } from "../../projections/views/service.ts"
import type { World } from "../../events/world.ts"
import { all, find } from "../../events/world.ts"
import { createHmac, randomUUID } from "node:crypto"
import { refuseForbiddenOptions } from "../service-options.ts"
import { untilTrue } from "../until.ts"

const tag = "services"
const base = "/api/v1/services"

/** Path parameter of every endpoint about one service. */
export const Named = z.strictObject({ name: ServiceName })

/** The caller's service as its endpoints show it, with its version. @throws GatehouseError `not_found`, `not_owner` */
export function shownService(call: Call, name: string) {
  const { world } = call.api.projections
  const service = ownObject(call, "service", name)
  const view = serviceView(service, world, (owner) => mayRead(call.caller, owner))
  return { service, view, version: versionOf(call, "service", name) }
}

const Value = z
  .string()
  .max(32_768)
  .regex(/^[^\0]*$/, "must not contain NUL")
const Environment = z.record(VariableName, Value).refine((given) => Object.keys(given).length <= 200, "at most 200")

/** Values go to the vault; the command only names them. */
function sealed(call: Call, environment: Readonly<Record<string, string | null>>) {
  const secrets: Record<string, string> = {}
  const refs = Object.entries(environment).map(([name, value]) => {
    if (value === null) return { name, value_ref: null }
    const value_ref = `service-env-${randomUUID()}`
    secrets[value_ref] = call.api.vault.seal(value_ref, value)
    return { name, value_ref }
  })
  return { secrets, environment: refs }
}

/** Tells the same values from others without saying what they are. */
function fingerprints({ api }: Call, environment: Readonly<Record<string, string | null>>) {
  const of = (value: string) => createHmac("sha256", api.config.MASTER_KEY).update(value).digest("hex")
  return Object.entries(environment).map(([name, value]) => [name, value === null ? null : of(value)])
}

const createService = endpoint({
  method: "POST",
  path: base,
  operationId: "createService",
  tag,
  summary: "Run an image, or what a Dockerfile builds, as a service; auto_proxy also gives it a host name.",
  who: "any",
  query: z.strictObject({ auto_proxy: flag(false) }),
  body: NewServiceFields.extend({ environment: Environment.default({}) }),
  prepare: refuseForbiddenOptions,
  status: 201,
  response: z.strictObject({
    service: ServiceView,
    proxy_created: z.string().nullable(),
    instance_registered: z.boolean(),
    warnings: z.array(z.string()),
  }),
  errors: [
    "already_exists",
    "reserved_name",
    "port_in_use",
    "image_not_allowed",
    "forbidden_option",
    "admin_required",
    "in_use",
  ],
  handler(call) {
    const { environment: values, ...fields } = call.body
    const { secrets, environment } = sealed(call, values)
    const data = { ...fields, environment, ...call.query }
    const asked = { ...call.body, ...call.query, environment: fingerprints(call, values) }
    return write<{ proxy_created: string | null; instance_registered: boolean }>(
      call,
      { type: "CreateService", data, asked, secrets },
      ({ result }) => {
        const { view, version } = shownService(call, fields.service_name)
        return {
          body: { service: view, ...result, warnings: result.instance_registered ? [] : [tooLong] },
          headers: { location: `${base}/${fields.service_name}` },
          version,
        }
      },
    )
  },
})

const tooLong = "The name is too long for one in the registry of instances; use service://<name> as a target."

const listServices = endpoint({
  method: "GET",
  path: base,
  operationId: "listServices",
  tag,
  summary: "List services: the caller's own, or all for an administrator.",
  who: "any",
  query: listQuery(["service_name", "created_at", "status"]).extend({
    owned_only: flag(false).describe("Only the administrator's own."),
    status: ServiceStatus.optional(),
  }),
  status: 200,
  response: listOf("services", ServiceView).extend({ total: z.int() }),
  handler({ api, caller, query }) {
    const { world } = api.projections
    const found = [...all(world, "service")]
      .filter(({ owner }) => mayRead(caller, owner) && (!query.owned_only || owner === caller.token))
      .filter(({ status }) => query.status === undefined || status === query.status)
    return { body: { ...page(found, query, world, caller), total: found.length } }
  },
})

function page(
  found: Parameters<typeof serviceView>[0][],
  query: Parameters<typeof listPage>[2] & { sort_by: "service_name" | "created_at" | "status" },
  world: World,
  caller: Call["caller"],
) {
  return listPage(
    "services",
    found,
    query,
    (service) => service[query.sort_by],
    ({ service_name }) => service_name,
    (service) => serviceView(service, world, (owner) => mayRead(caller, owner)),
  )
}

/** Statuses that nobody has to act on to get away from. */
export const settling: ReadonlySet<string> = new Set([
  "pending",
  "pulling",
  "building",
  "starting",
  "stopping",
  "restarting",
  "updating",
  "removing",
])

const showService = endpoint({
  method: "GET",
  path: `${base}/{name}`,
  operationId: "getService",
  tag,
  summary: "Show a service; with wait, once no work on it goes on.",
  who: "owner",
  params: Named,
  query: z.strictObject({ wait: flag(false), timeout: integer(0, 300, 60) }),
  status: 200,
  response: ServiceView,
  errors: ["not_owner"],
  async handler(call) {
    const { name } = call.params
    const { wait, timeout } = call.query
    if (wait) await untilSettled(call, name, timeout)
    const { view, version } = shownService(call, name)
    return { body: view, version }
  },
})

/** Waits until no work on a service goes on, or it is gone. @param seconds at most */
export async function untilSettled(call: Call, name: string, seconds: number): Promise<void> {
  const { projections } = call.api
  const settled = () => !settling.has(find(projections.world, "service", name)?.status ?? "gone")
  await untilTrue(projections, settled, seconds * 1000, call.signal)
}

const updateService = endpoint({
  method: "PUT",
  path: `${base}/{name}`,
  operationId: "updateService",
  tag,
  summary:
    "Change settings of a service; the new container works before the old one goes. environment replaces all variables; null keeps a value.",
  who: "owner",
  params: Named,
  body: ServiceFields.partial().extend({
    environment: z.record(VariableName, Value.nullable()).optional(),
    owner: z.string().max(64).optional(),
  }),
  prepare: refuseForbiddenOptions,
  status: 200,
  response: ServiceView,
  errors: ["not_owner", "invalid_state", "port_in_use", "image_not_allowed", "forbidden_option", "admin_required"],
  handler(call) {
    const { environment: values, owner, ...changes } = call.body
    const { secrets, environment } = sealed(call, values ?? {})
    const data = { service_name: call.params.name, changes, owner, ...(values !== undefined && { environment }) }
    const asked = { ...call.params, ...call.body, environment: fingerprints(call, values ?? {}) }
    return write(call, { type: "UpdateService", data, asked, secrets }, () => {
      const { view, version } = shownService(call, call.params.name)
      return { body: view, version }
    })
  },
})

const deleteService = endpoint({
  method: "DELETE",
  path: `${base}/{name}`,
  operationId: "deleteService",
  tag,
  summary: "Delete a service with its container, volumes and port; one that runs only with force.",
  who: "owner",
  params: Named,
  query: z.strictObject({ force: flag(false), delete_proxy: flag(true) }),
  status: 200,
  response: z.strictObject({ message: z.string(), deleted_proxy: z.string().nullable() }),
  errors: ["not_owner", "invalid_state"],
  handler(call) {
    const { name } = call.params
    return write<{ deleted_proxy: string | null }>(
      call,
      { type: "DeleteService", data: { service_name: name, ...call.query } },
      ({ result }) => ({
        body: { message: `The service ${name} is being removed.`, deleted_proxy: result.deleted_proxy },
      }),
    )
  },
})

/** Endpoints about services as such. */
export const serviceEndpoints = [listServices, createService, showService, updateService, deleteService]
