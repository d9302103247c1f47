import { type Engine, EngineError, settled } from "./docker-engine.ts"
import { label } from "./docker-container.ts"

/** A network as the engine lists it. */
interface Network {
  readonly Id: string
  readonly Name: string
  /** When it was made, RFC 3339. */
  readonly Created: string
  readonly Labels: Readonly<Record<string, string>> | null
}

/**
 * Sees to it that there is a network of a name, and no second. The engine makes several of one name when it is asked for them
 * at once, and then no container can join any of them.
 * @returns creates the network when it is missing and `create` is set; it throws EngineError
 */
export function networkKeeper(engine: Engine, installation: string): (name: string, create: boolean) => Promise<void> {
  const asking = new Map<string, Promise<void>>()

  async function named(name: string): Promise<Network[]> {
    const found = await engine.call("network", (docker, abortSignal) =>
      docker.listNetworks({ filters: { name: [name] }, abortSignal } as object),
    )
    // The engine's filter takes a part of a name for the name.
    return (found as unknown as Network[]).filter(({ Name }) => Name === name)
  }

  async function make(name: string): Promise<void> {
    const wanted = {
      Name: name,
      Driver: "bridge",
      CheckDuplicate: true,
      // Containers of different owners do not reach each other but through the gateway.
      Options: { "com.docker.network.bridge.enable_icc": "false" },
      Labels: { [label.installation]: installation },
    }
    await engine
      .call("network", (docker, abortSignal) => docker.createNetwork({ ...wanted, abortSignal }))
      .catch(settled(409))
      // Addresses that others use now may be free later.
      .catch((error: EngineError) => {
        throw error.code === "permanent" ? new EngineError("refused", error.message, error.status) : error
      })
  }

  /** Of several, the one that others made stays, else the first; of ours the rest goes, as far as nothing is in it. */
  async function single(name: string, several: readonly Network[]): Promise<void> {
    const isOurs = ({ Labels }: Network) => Labels?.[label.installation] === installation
    const age = (network: Network) => `${isOurs(network) ? 1 : 0} ${network.Created} ${network.Id}`
    const [, ...spare] = [...several].sort((a, b) => (age(a) < age(b) ? -1 : 1))
    for (const { Id } of spare.filter(isOurs))
      await engine
        .call("network", (docker, abortSignal) => docker.getNetwork(Id).remove({ abortSignal } as object))
        .catch(settled(403, 404))
    if ((await named(name)).length > 1)
      throw new EngineError("refused", `network: there are several of the name ${name}`)
  }

  async function ensure(name: string, create: boolean): Promise<void> {
    if ((await named(name)).length === 0) {
      if (!create) throw new EngineError("permanent", `network: there is no network ${name}`)
      await make(name)
    }
    const there = await named(name)
    if (there.length > 1) await single(name, there)
  }

  return (name, create) => {
    const known = asking.get(name)
    if (known !== undefined) return known
    const asked = ensure(name, create).finally(() => asking.delete(name))
    asking.set(name, asked)
    return asked
  }
}
