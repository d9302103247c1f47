import type { Intent, Workshop } from "./intent.ts"
import { type World, find } from "../../events/world.ts"
import type { Entry } from "./document.ts"
import { GatehouseError } from "../../errors.ts"
import type { Service } from "../../events/service.ts"
import { randomUUID } from "node:crypto"

/** Commands that make a service what its entry says. */
export async function serviceCommandsFor(
  entry: Entry<"services">,
  world: World,
  workshop: Workshop,
): Promise<Intent[]> {
  const { service_name, owner, environment: names, desired_state, network, ...rest } = entry
  const fields = { ...rest, ...(network !== undefined && { network }) }
  const known = find(world, "service", service_name)
  if (known?.desired_state === "removed")
    throw new GatehouseError(
      "invalid_state",
      `the service ${service_name} is being removed; apply again when it is gone`,
    )
  const { environment, secrets } = await environmentFor(service_name, names, known, workshop)
  const stop = { type: "StopService", data: { service_name } }
  if (known === undefined)
    return [
      { type: "CreateService", data: { ...fields, service_name, owner, environment }, secrets },
      ...(desired_state === "stopped" ? [stop] : []),
    ]
  const start = { type: "StartService", data: { service_name } }
  const same = known.desired_state === desired_state
  return [
    {
      type: "UpdateService",
      data: { service_name, changes: fields, owner, ...(environment !== undefined && { environment }) },
      secrets,
    },
    ...(same ? [] : [desired_state === "stopped" ? stop : start]),
  ]
}

/**
 * Where the vault keeps each value: that which is there unless the document brings another.
 * @returns undefined for an environment that is as it should be
 */
async function environmentFor(
  service_name: string,
  names: readonly string[],
  known: Service | undefined,
  { variableValue, presentValue, seal }: Workshop,
) {
  const secrets: Record<string, string> = {}
  const environment = await Promise.all(
    names.map(async (name) => {
      const value = variableValue(service_name, name)
      const present = known?.environment.find((variable) => variable.name === name)?.value_ref
      if (value === undefined && present === undefined)
        throw new GatehouseError(
          "validation_failed",
          `the value of ${name} of the service ${service_name} is missing: apply an export with secrets`,
        )
      if (value === undefined || (present !== undefined && (await presentValue(present)) === value))
        return { name, value_ref: null }
      const value_ref = `service-env-${randomUUID()}`
      secrets[value_ref] = seal(value_ref, value)
      return { name, value_ref }
    }),
  )
  const before = known?.environment.map(({ name }) => name).sort()
  const same = before?.join() === [...names].sort().join() && environment.every(({ value_ref }) => value_ref === null)
  return { environment: same ? undefined : environment, secrets }
}
