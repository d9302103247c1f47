import type { ContainerInspectInfo, ContainerStats } from "dockerode"
import { containerLines, untilAborted } from "./container-lines.ts"
import type { DockerParts } from "./docker.ts"
import { EngineError } from "./docker-engine.ts"
import { GatehouseError } from "../errors.ts"
import type { Projections } from "../projections/projections.ts"
import { Readable } from "node:stream"
import { all, find } from "../events/world.ts"

/** What is asked of the engine on behalf of a caller: nothing here changes a service. */
export function dockerQueries({ engine, calls }: DockerParts, projections: Projections, now: () => Date) {
  const current = async (name: string): Promise<ContainerInspectInfo> => {
    const service = find(projections.world, "service", name)
    const known = service?.serving ?? service?.container
    const found = known == null ? undefined : await calls.inspect(known.container_id)
    if (found === undefined) throw new GatehouseError("invalid_state", `the service ${name} has no container now`)
    return found
  }
  const unrecorded = async () =>
    (await calls.list()).filter(({ service }) => find(projections.world, "service", service) === undefined)

  interface Wanted {
    readonly lines: number
    readonly timestamps: boolean
    readonly since: number | undefined
  }
  const query = ({ lines, timestamps, since }: Wanted) => ({
    stdout: true,
    stderr: true,
    tail: lines,
    timestamps,
    ...(since !== undefined && { since }),
  })

  const queries = {
    async logs(name: string, wanted: Wanted): Promise<readonly string[]> {
      const { Id, Config } = await current(name)
      const text = await engine.call("logs", (docker, abortSignal) =>
        docker.getContainer(Id).logs({ ...query(wanted), follow: false, abortSignal }),
      )
      return lastLines(containerLines(Readable.from([text]), !Config.Tty))
    },
    async follow(name: string, wanted: Wanted, signal: AbortSignal): Promise<AsyncIterable<string>> {
      const { Id, Config } = await current(name)
      const stream = await engine.open(
        "logs",
        (docker, abortSignal) => docker.getContainer(Id).logs({ ...query(wanted), follow: true, abortSignal }),
        signal,
      )
      return containerLines(untilAborted(stream, signal), !Config.Tty)
    },
    async stats(name: string) {
      const { Id, State } = await current(name)
      if (!State.Running) throw new GatehouseError("invalid_state", `the service ${name} does not run`)
      const used = await engine.call("stats", (docker, abortSignal) =>
        docker.getContainer(Id).stats({ stream: false, abortSignal } as { stream: false }),
      )
      return {
        ...usage(used),
        uptime_seconds: Math.max(0, Math.floor((now().getTime() - Date.parse(State.StartedAt)) / 1000)),
      }
    },
    async unrecorded() {
      return (await unrecorded()).map(({ id, service }) => ({ container_id: id, service }))
    },
    async removeUnrecorded(containerId: string): Promise<boolean> {
      if (!(await unrecorded()).some(({ id }) => id === containerId)) return false
      await calls.remove(containerId)
      return true
    },
    async missing(): Promise<readonly string[]> {
      const there = new Set((await calls.list()).map(({ id }) => id))
      const gone = [...all(projections.world, "service")].filter(
        ({ container, desired_state }) =>
          desired_state === "running" && container !== null && !there.has(container.container_id),
      )
      return gone.map(({ service_name }) => service_name)
    },
  }
  return Object.fromEntries(
    Object.entries(queries).map(([name, ask]) => [name, translated(ask as never)]),
  ) as typeof queries
}

/** Characters of a log in one answer; containers may print more than anybody should have to hold in memory twice. */
const mostCharacters = 4 * 2 ** 20

async function lastLines(all: AsyncIterable<string>): Promise<readonly string[]> {
  const lines: string[] = []
  let [characters, from] = [0, 0]
  for await (const line of all) {
    lines.push(line)
    characters += line.length
    while (characters > mostCharacters) characters -= lines[from++]!.length
  }
  return lines.slice(from)
}

/** What the engine did not do, in the words of the API. */
function translated<A extends unknown[], R>(ask: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await ask(...args)
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      if (error.code === "unavailable") throw new GatehouseError("docker_unavailable", undefined, { retryAfter: 5 })
      throw new GatehouseError("invalid_state", error.message)
    }
  }
}

/** Two samples a second apart are in one answer (Engine API, ContainerStats). */
function usage({
  cpu_stats,
  precpu_stats,
  memory_stats,
  networks,
  pids_stats,
}: Partial<Pick<ContainerStats, "networks">> & Omit<ContainerStats, "networks">) {
  const cpu = cpu_stats.cpu_usage.total_usage - precpu_stats.cpu_usage.total_usage
  const system = cpu_stats.system_cpu_usage - (precpu_stats.system_cpu_usage ?? 0)
  const share = system > 0 && cpu > 0 ? (cpu / system) * (cpu_stats.online_cpus ?? 1) : 0
  // The page cache can be given back: it is not counted, as `docker stats` does.
  const cache = memory_stats.stats?.inactive_file ?? memory_stats.stats?.total_inactive_file ?? 0
  const total = (of: "rx_bytes" | "tx_bytes") =>
    Object.values(networks ?? {}).reduce((sum, network) => sum + network[of], 0)
  return {
    cpu_percent: Math.round(share * 10_000) / 100,
    memory_usage: Math.max(0, (memory_stats.usage ?? 0) - cache),
    memory_limit: memory_stats.limit ?? 0,
    network_rx: total("rx_bytes"),
    network_tx: total("tx_bytes"),
    pids: pids_stats?.current ?? 0,
  }
}
