import * as z from "zod"
import type { Caller } from "../caller.ts"
import { endpoint } from "../endpoint.ts"
import { InstanceChanges, InstanceRequest } from "../../commands/instance.ts"
import { InstanceDetail, InstanceView, instanceDetail, instanceView } from "../../projections/views/instance.ts"
import { all, find } from "../../events/world.ts"
import { flag, listOf, listPage, listQuery } from "../list.ts"
import { versionOf, write } from "../write.ts"
import type { Call } from "../endpoint.ts"
import { GatehouseError } from "../../errors.ts"
import { InstanceName } from "../../events/instance.ts"
import { mayRead } from "../access.ts"

const tag = "instances"
const base = "/api/v1/instances"
const Named = z.strictObject({ name: InstanceName })

/** A name as the log has it: those of an earlier version may break today's rule, and can still be renamed. */
const Known = z.strictObject({ name: z.string().min(1).max(253) })

function knownName({ api, params }: Call<z.output<typeof Known>>): string {
  const name = params.name.toLowerCase()
  return find(api.projections.world, "instance", params.name) === undefined ? name : params.name
}

/** Owners see their own instances and those of administrators. */
function maySee(caller: Caller, owner: string): boolean {
  return owner === "admin" || mayRead(caller, owner)
}

/** @throws GatehouseError `not_found`, `not_owner` */
function shown(call: Call, name: string) {
  const { world } = call.api.projections
  const instance = find(world, "instance", name)
  if (instance === undefined) throw new GatehouseError("not_found", `there is no instance ${name}`)
  if (!maySee(call.caller, instance.owner)) throw new GatehouseError("not_owner")
  const body = instanceDetail(instance, world, (owner) => mayRead(call.caller, owner))
  return { body, version: versionOf(call, "instance", name) }
}

const listInstances = endpoint({
  method: "GET",
  path: base,
  operationId: "listInstances",
  tag,
  summary: "List instances: the caller's own and those of administrators, or all for an administrator.",
  who: "any",
  query: listQuery(["name", "created_at"]),
  status: 200,
  response: listOf("instances", InstanceView),
  handler({ api, caller, query }) {
    const { world } = api.projections
    const found = [...all(world, "instance")].filter(({ owner }) => maySee(caller, owner))
    return {
      body: listPage(
        "instances",
        found,
        query,
        (instance) => instance[query.sort_by],
        ({ name }) => name,
        (instance) => instanceView(instance, world),
      ),
    }
  },
})

const registerInstance = endpoint({
  method: "POST",
  path: base,
  operationId: "registerInstance",
  tag,
  summary: "Give the address of a backend a name.",
  who: "any",
  body: InstanceRequest,
  status: 201,
  response: InstanceDetail,
  errors: ["already_exists", "reserved_name", "forbidden_target", "admin_required", "in_use"],
  handler: (call) =>
    write(call, { type: "RegisterInstance", data: call.body }, () => ({
      ...shown(call, call.body.name),
      headers: { location: `${base}/${call.body.name}` },
    })),
})

const showInstance = endpoint({
  method: "GET",
  path: `${base}/{name}`,
  operationId: "getInstance",
  tag,
  summary: "Show an instance and what leads to it.",
  who: "any",
  params: Named,
  status: 200,
  response: InstanceDetail,
  errors: ["not_owner"],
  handler: (call) => shown(call, call.params.name),
})

const updateInstance = endpoint({
  method: "PUT",
  path: `${base}/{name}`,
  operationId: "updateInstance",
  tag,
  summary: "Change an instance, for the next request; under another name, routes and proxies that lead to it follow.",
  who: "owner",
  params: Known,
  body: InstanceChanges.extend({ owner: z.string().max(64).optional() }),
  status: 200,
  response: InstanceDetail,
  errors: ["not_owner", "admin_required", "already_exists", "reserved_name", "forbidden_target", "in_use"],
  handler(call) {
    const { owner, ...changes } = call.body
    const name = knownName(call)
    return write(call, { type: "UpdateInstance", data: { name, changes, owner } }, () =>
      shown(call, changes.name ?? name),
    )
  },
})

const deleteInstance = endpoint({
  method: "DELETE",
  path: `${base}/{name}`,
  operationId: "deleteInstance",
  tag,
  summary: "Delete an instance. What leads to it keeps it from going; with force that answers 502 from then on.",
  who: "owner",
  params: Named,
  query: z.strictObject({ force: flag(false) }),
  status: 204,
  response: z.undefined(),
  errors: ["not_owner", "in_use"],
  handler: (call) => write(call, { type: "DeleteInstance", data: { ...call.params, ...call.query } }, () => ({})),
})

/** Endpoints about instances. */
export const instanceEndpoints = [listInstances, registerInstance, showInstance, updateInstance, deleteInstance]
