import type { ContainerInfo, ContainerInspectInfo, ContainerCreateOptions } from "dockerode"
import { type Engine, EngineError, type EngineEvent, jsonLines, settled } from "./docker-engine.ts"
import { label, ownLabels } from "./docker-container.ts"
import { networkKeeper } from "./docker-network.ts"

/** A container of this installation. */
export interface Seen {
  readonly id: string
  readonly service: string
  readonly event: string
  readonly port: number | null
  readonly internalPort: number
  /** created, running, paused, restarting, removing, exited or dead. */
  readonly state: string
  /** For people: `Up 3 minutes (healthy)`. */
  readonly status: string
  /** Seconds since 1970. */
  readonly created: number
}

/** The engine's calls as services need them. Each may be made again: what is so already is no error. */
export interface Calls {
  /** Containers of this installation, of one service or of all. */
  list(service?: string): Promise<Seen[]>
  /** undefined when there is no such container. */
  inspect(id: string): Promise<ContainerInspectInfo | undefined>
  /** @returns id; of the container that has this name and our labels already, if there is one */
  create(options: ContainerCreateOptions): Promise<string>
  start(id: string): Promise<void>
  /** @param grace seconds until it is killed */
  stop(id: string, grace: number): Promise<void>
  restart(id: string, grace: number): Promise<void>
  /** @param force also one that runs; without, that one stays */
  remove(id: string, force?: boolean): Promise<void>
  /** Creates the network of services when it is missing; another must exist. One of several of the same name is kept. */
  ensureNetwork(name: string, create: boolean): Promise<void>
  ensureVolume(name: string, service: string): Promise<void>
  /**
   * What happens to containers of this installation, with what the engine remembers from `since` on; ends with the engine, or
   * with `signal`. Resolves when nothing more will be missed.
   */
  events(since: Date, signal: AbortSignal): Promise<AsyncIterable<EngineEvent>>
  /** Volumes of a service. */
  removeVolumes(service: string): Promise<void>
  /** Images that were built for a service. @param keep those of these settings, by their event label */
  removeImages(service: string, keep?: string): Promise<void>
}

/** Calls for one installation. @param installation value of the label that tells its containers from foreign ones */
export function dockerCalls(engine: Engine, installation: string): Calls {
  const filters = (service?: string) => ({
    label: Object.entries(
      service === undefined
        ? { [label.installation]: installation }
        : ownLabels(installation, { service_name: service }),
    ).map(([name, value]) => `${name}=${value}`),
  })
  // An engine, or what stands before it, that does not know the filter would answer with containers of others.
  const isOurs = (labels: Labels, service?: string) =>
    labels?.[label.installation] === installation && (service === undefined || labels[label.service] === service)
  const inspect = (id: string) =>
    engine
      .call("inspect", (docker, abortSignal) => docker.getContainer(id).inspect({ abortSignal }))
      .catch(settled(404))

  return {
    inspect,
    async list(service) {
      const found = await engine.call("list", (docker, abortSignal) =>
        docker.listContainers({ all: true, filters: filters(service), abortSignal }),
      )
      return found.filter(({ Labels }) => isOurs(Labels, service)).map(seen)
    },
    async create(options) {
      try {
        const { name, ...body } = options
        // Without `_query` the client would put all of it, environment included, into the URL.
        const call = { _query: { name }, _body: body }
        const made = await engine.call("create", (docker, abortSignal) =>
          docker.createContainer({ ...call, abortSignal }),
        )
        return made.id
      } catch (error) {
        if (!(error instanceof EngineError) || error.status !== 409) throw error
        const there = await inspect(options.name!)
        const known = there?.Config.Labels ?? {}
        if (
          there !== undefined &&
          [label.installation, label.service, label.event].every((name) => known[name] === options.Labels?.[name])
        )
          return there.Id
        throw new EngineError("permanent", `create: a container that is not ours has the name ${options.name}`, 409)
      }
    },
    start: (id) =>
      engine
        .call("start", (docker, abortSignal) => docker.getContainer(id).start({ abortSignal }))
        .then(nothing, settled(304)),
    stop: (id, grace) =>
      engine
        .call("stop", (docker, abortSignal) => docker.getContainer(id).stop({ t: grace, abortSignal }), grace * 1000)
        .then(nothing, settled(304, 404)),
    restart: (id, grace) =>
      engine
        .call(
          "restart",
          (docker, abortSignal) => docker.getContainer(id).restart({ t: grace, abortSignal } as object),
          grace * 1000,
        )
        .then(nothing),
    remove: (id, force = true) =>
      engine
        .call("remove", (docker, abortSignal) => docker.getContainer(id).remove({ force, v: true, abortSignal }))
        .then(nothing, settled(404, 409)),
    ensureNetwork: networkKeeper(engine, installation),
    async ensureVolume(name, service) {
      const Labels = ownLabels(installation, { service_name: service })
      await engine.call("volume", (docker, abortSignal) => docker.createVolume({ Name: name, Labels, abortSignal }))
      // One that was there already is what the engine answers, whoever made it.
      const made = await engine.call(
        "volume",
        (docker, abortSignal) =>
          docker.getVolume(name).inspect({ abortSignal } as never) as unknown as Promise<{ Labels: Labels }>,
      )
      if (!isOurs(made.Labels, service))
        throw new EngineError("permanent", `volume: one that is not the service's has the name ${name}`)
    },
    async events(since, signal) {
      const wanted = {
        since: Math.floor(since.getTime() / 1000),
        filters: { ...filters(), type: ["container"] },
      }
      const stream = await engine.open(
        "events",
        (docker, abortSignal) => docker.getEvents({ ...wanted, abortSignal } as object),
        signal,
      )
      return jsonLines(stream, signal)
    },
    async removeVolumes(service) {
      const { Volumes } = await engine.call("volumes", (docker, abortSignal) =>
        docker.listVolumes({ filters: JSON.stringify(filters(service)), abortSignal } as object),
      )
      for (const { Name, Labels } of Volumes ?? [])
        if (isOurs(Labels, service))
          await engine
            .call("volume", (docker, abortSignal) => docker.getVolume(Name).remove({ abortSignal }))
            .catch(settled(404, 409))
    },
    async removeImages(service, keep) {
      const images = await engine.call("images", (docker, abortSignal) =>
        docker.listImages({ filters: filters(service), abortSignal } as object),
      )
      for (const { Id, Labels } of images)
        if (isOurs(Labels, service) && (keep === undefined || Labels[label.event] !== keep))
          await engine
            .call("image", (docker, abortSignal) => docker.getImage(Id).remove({ abortSignal, force: true } as object))
            .catch(settled(404, 409))
    },
  }
}

type Labels = Readonly<Record<string, string>> | null | undefined

const nothing = () => undefined

function seen({ Id, Labels, State, Status, Created }: ContainerInfo): Seen {
  return {
    id: Id,
    service: Labels[label.service] ?? "",
    event: Labels[label.event] ?? "",
    port: portOf(Labels[label.port]) ?? null,
    internalPort: portOf(Labels[label.internalPort]) ?? 8080,
    state: State,
    status: Status,
    created: Created,
  }
}

/** A port out of a label; undefined for what is none. */
function portOf(text: string | undefined): number | undefined {
  const port = Number(text)
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined
}
