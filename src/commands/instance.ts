import * as z from "zod"
import { type Instance, InstanceName } from "../events/instance.ts"
import { type World, find } from "../events/world.ts"
import { checkAddress, withScheme } from "./target.ts"
import { command, existing, fact, requireOwner } from "./decision.ts"
import { instanceUsers, nextOwner, ownerOf, refuseUsed } from "./ownership.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import type { NewEvent } from "../events/envelope.ts"
import { proxiesTo, routesTo } from "../events/targets.ts"
import { removal } from "./removal.ts"

const reserved = new Set(["localhost", "api", "auth"])

const Target = z.string().trim().min(1).max(2048)

/** A new instance as its caller describes it. */
export const InstanceRequest = z.strictObject({
  name: InstanceName,
  target_url: Target,
  description: z.string().max(500).default(""),
  owner: z.string().max(64).optional(),
})

/** What can be changed of an instance. */
export const InstanceChanges = z
  .strictObject({ name: InstanceName, target_url: Target, description: z.string().max(500) })
  .partial()

const instance = ({ name }: { name: string }) => ({ kind: "instance" as const, id: name })

const RegisterInstance = command(InstanceRequest, instance, (data, world, context) => {
  const { name, description } = data
  const owner = ownerOf(data.owner, world, context)
  refuseName(name, owner, world, context)
  const target_url = checkInstanceTarget(name, data.target_url, world, context)
  const registered = { name, target_url, description, owner, created_by: context.actor.name }
  return { events: [fact("instance", name, "InstanceRegistered", registered)] }
})

const UpdateInstance = command(
  // Not the rule of today: a name that an earlier version took can be changed.
  z.strictObject({ name: z.string().max(253), changes: InstanceChanges, owner: z.string().max(64).optional() }),
  instance,
  ({ name, changes, owner: asked }, world, context) => {
    const state = existing(find(world, "instance", name), `instance ${name}`)
    requireOwner(context, state.owner)
    const owner = nextOwner(asked, state.owner, world, context)
    if (owner !== state.owner && owner !== "admin")
      refuseUsed(
        instanceUsers(world, name).filter((user) => user.owner !== owner && user.owner !== "admin"),
        "objects of others lead to it",
      )
    const renamed = changes.name ?? name
    const description = changes.description ?? state.description
    const target_url =
      changes.target_url === undefined
        ? state.target_url
        : checkInstanceTarget(renamed, changes.target_url, world, context)
    if (renamed !== name) {
      refuseName(renamed, owner, world, context)
      return { events: rename({ ...state, target_url, description, owner }, renamed, world) }
    }
    const settings = {
      ...(target_url !== state.target_url && { target_url }),
      ...(description !== state.description && { description }),
    }
    return {
      events: [
        ...(Object.keys(settings).length === 0 ? [] : [fact("instance", name, "InstanceUpdated", settings)]),
        ...(owner === state.owner ? [] : [fact("instance", name, "InstanceReassigned", { owner })]),
      ],
    }
  },
)

/** The same instance under another name; what leads to it goes on leading to it. */
function rename(state: Instance, name: string, world: World): NewEvent[] {
  const routes = routesTo(world, "instance", state.name)
  const proxies = proxiesTo(world, "instance", state.name)
  return [
    fact("instance", state.name, "InstanceRenamed", { name }),
    fact("instance", name, "InstanceRegistered", { ...state, name }),
    ...routes.map(({ route_id }) => fact("route", route_id, "RouteUpdated", { target_value: name })),
    ...proxies.map(({ hostname }) => fact("proxy", hostname, "ProxyUpdated", { target_url: `instance://${name}` })),
  ]
}

const DeleteInstance = command(
  z.strictObject({ name: InstanceName, force: z.boolean().default(false) }),
  instance,
  ({ name, force }, world, context) => {
    const { owner } = existing(find(world, "instance", name), `instance ${name}`)
    requireOwner(context, owner)
    const users = instanceUsers(world, name)
    if (!force) refuseUsed(users, "routes or proxies lead to it")
    if (!context.actor.admin)
      refuseUsed(
        users.filter((user) => user.owner !== owner),
        "objects of others lead to it",
      )
    return { events: removal({ instances: [name] }, world).events }
  },
)

/** @throws GatehouseError `reserved_name`, `already_exists`, `in_use` */
function refuseName(name: string, owner: string, world: World, { actor }: Context): void {
  if (reserved.has(name) && !actor.admin) throw new GatehouseError("reserved_name", `${name} is reserved`)
  // Workers alone speak for services.
  if (name.startsWith("docker-") && actor.token !== undefined)
    throw new GatehouseError("reserved_name", "names with docker- are those of services")
  if (find(world, "instance", name) !== undefined)
    throw new GatehouseError("already_exists", `there is an instance ${name} already`)
  // A route that outlived its instance must not lead to whoever takes the name next.
  if (!actor.admin)
    refuseUsed(
      instanceUsers(world, name).filter((user) => user.owner !== owner),
      "objects of others lead to this name",
    )
}

/** As any target; only `auth` may be Gatehouse's own authorization server. */
function checkInstanceTarget(name: string, value: string, world: World, context: Context): string {
  const url = withScheme(value)
  if (name === "auth" && context.actor.admin && context.policy.oauthHosts.includes(URL.parse(url)?.hostname ?? ""))
    return url
  return checkAddress("target_url", url, world, context)
}

/** Commands about instances. */
export const instanceCommands = { RegisterInstance, UpdateInstance, DeleteInstance } as const
