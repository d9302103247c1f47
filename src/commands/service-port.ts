import { type World, all } from "../events/world.ts"
import type { Context } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { invalid } from "./decision.ts"

/** Ports of the host that services hold, with the name of the holder. */
function holders(world: World): ReadonlyMap<number, string> {
  const held = new Map<number, string>()
  for (const { service_name, ports } of all(world, "service")) for (const port of ports) held.set(port, service_name)
  return held
}

/**
 * A port for a service: the one it asked for, or the lowest of the range that nobody holds.
 * @param avoid ports that the engine found taken by something else
 * @throws GatehouseError `port_in_use`, `validation_failed`
 */
export function choosePort(
  service_name: string,
  asked: number | null,
  avoid: readonly number[],
  world: World,
  { policy }: Pick<Context, "policy">,
): number {
  const held = holders(world)
  if (asked !== null) {
    if (asked < 1024) throw invalid("external_port", "must be a port from 1024 to 65535")
    const holder = policy.ownPorts.includes(asked) ? "Gatehouse itself" : held.get(asked)
    if (holder !== undefined && holder !== service_name)
      throw new GatehouseError(
        "port_in_use",
        `external_port: ${asked} belongs to ${holder === "Gatehouse itself" ? holder : "another service"}`,
      )
    return asked
  }
  const { firstPort, lastPort } = policy.services
  for (let port = firstPort; port <= lastPort; port += 1)
    if (!held.has(port) && !avoid.includes(port) && !policy.ownPorts.includes(port)) return port
  throw new GatehouseError("port_in_use", `no port of ${firstPort}-${lastPort} is free`)
}
