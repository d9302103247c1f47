import type { ContainerInspectInfo } from "dockerode"
import type { DockerParts } from "./docker.ts"
import type { Seen } from "./docker-calls.ts"
import { type EffectContext, openSecret, report } from "./effect-context.ts"
import { containerOptions, eventLabel, volumeName } from "./docker-container.ts"
import { exitText, healthIn, nobodyListens, untilReady } from "./docker-readiness.ts"
import { EngineError } from "./docker-engine.ts"
import { GatehouseError } from "../errors.ts"
import type { Service } from "../events/service.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** What work on services needs. */
export type DockerContext = EffectContext & DockerParts

/** One piece of work: a service as it was asked to be, until `signal` says that something else is wanted. */
export interface Work {
  readonly context: DockerContext
  readonly service: Service
  readonly signal: AbortSignal
}

/** Gives a report about the request that is worked on. */
export function tell(
  { context, service }: Work,
  type: Parameters<typeof report>[1],
  data: object = {},
): Promise<unknown> {
  return report(context, type, { service_name: service.service_name, request: service.request, ...data })
}

/** Stops what runs. */
export async function stopService(work: Work): Promise<void> {
  const { context, service } = work
  const mine = await context.calls.list(service.service_name)
  await Promise.all(mine.filter(isUp).map(({ id }) => context.calls.stop(id, service.grace)))
  if (service.status !== "stopped") await tell(work, "RecordServiceStopped")
}

/** Removes everything that the engine has of a service. */
export async function removeService(work: Work): Promise<void> {
  const { context, service } = work
  const { calls, crash } = context
  for (const { id, state } of await calls.list(service.service_name)) {
    if (isUp({ state })) await calls.stop(id, service.grace)
    await calls.remove(id)
    crash("docker.removed")
  }
  await calls.removeVolumes(service.service_name)
  await calls.removeImages(service.service_name)
  await tell(work, "RecordServiceRemoved")
  crash("docker.removeRecorded")
}

const isUp = ({ state }: Pick<Seen, "state">) => state === "running" || state === "restarting" || state === "paused"

/** Brings a service to its present settings, and ends what is left of earlier ones. */
export async function runService(work: Work): Promise<void> {
  const { context, service, signal } = work
  const mine = await context.calls.list(service.service_name)
  const current = currentOf(service, mine)
  const serving = mine.find(({ id, state }) => id === service.serving?.container_id && state === "running")
  if (
    current !== undefined &&
    (service.status === "crashed" || (isSettled(service) && current.id === service.serving?.container_id))
  )
    if (!(await recovered(work, current))) return
  const moved = serving !== undefined && serving.id === current?.id && wantsItsOwnPort(service, serving)
  const next = current === undefined || moved ? await create(work, mine, serving !== undefined) : current
  if (next !== serving || service.status !== "running") await bringUp(work, next, serving)
  signal.throwIfAborted()
  await retire(work, next)
}

/** The engine's own restarts are not interfered with. Longest time that a container which keeps crashing must live to count. */
const provenMs = 300_000

/** Says of a container that should be running how it is. @returns false when there is nothing to do but wait */
async function recovered(work: Work, current: Seen): Promise<boolean> {
  const { context, service } = work
  if (isSettled(service)) {
    // What happens to it from here on is told, and has it looked at again.
    context.watched.add(current.id)
    const found = await context.calls.inspect(current.id)
    const ended = found === undefined || current.state !== "running" || startedAgain(service, found)
    if (ended) await tell(work, "RecordServiceCrashed", { code: "exited", detail: crashOf(found) })
    else if (service.status === "running") await tell(work, "RecordServiceHealth", { health: healthIn(current.status) })
    context.log.debug("service_looked_at", { service: service.service_name, ended })
    return !ended
  }
  const found = await context.calls.inspect(current.id)
  if (found === undefined) return true
  const { State } = found
  if (State.Restarting) return false
  if (State.Running) {
    const lived = context.now().getTime() - Date.parse(State.StartedAt)
    return lived >= Math.min(2 ** (service.crashes - 1) * 1000, provenMs)
  }
  return (
    service.restart_policy === "always" ||
    service.restart_policy === "unless-stopped" ||
    (service.restart_policy === "on-failure" && State.ExitCode !== 0)
  )
}

/** Did its container take requests when it was last seen? */
const isSettled = ({ status }: Service) => status === "running" || status === "unknown"

/** Has the engine ended a container since it was recorded as running, and started it anew? */
function startedAgain({ started_at, updated_at }: Service, { State }: ContainerInspectInfo): boolean {
  // What was recorded before Gatehouse noted the start is told by its time.
  return started_at === null ? Date.parse(State.StartedAt) > Date.parse(updated_at) : State.StartedAt !== started_at
}

/** The container of the present settings, or of those before when the present ones have failed. */
export function currentOf(service: Service, mine: readonly Seen[]): Seen | undefined {
  if (service.failed_revision === service.revision) {
    const kept = mine.find(({ id }) => id === service.container?.container_id)
    if (kept !== undefined) return kept
  }
  const made = mine.filter(
    ({ event, state }) => event === eventLabel(service, service.revision) && state !== "dead" && state !== "removing",
  )
  return made.find(({ id }) => id === service.container?.container_id) ?? made.sort((a, b) => b.created - a.created)[0]
}

/** A port that was asked for is taken up once the container before has left it. */
export function wantsItsOwnPort(
  { external_port, expose, failed_revision, revision }: Service,
  { port }: Seen,
): boolean {
  return expose && external_port !== null && port !== external_port && failed_revision !== revision
}

/** Ports that a service holds and its container does not need: an update that failed, or was cut off, has left them. */
export function sparePorts({ ports, external_port }: Service, { port }: Seen): readonly number[] {
  return ports.filter((held) => held !== port && held !== external_port)
}

/** Makes the container of the present settings, with image, network, volumes and port. */
async function create(work: Work, mine: readonly Seen[], update: boolean): Promise<Seen> {
  const { context, service, signal } = work
  const { calls, images, installation, crash } = context
  const step = (status: string) => tell(work, "RecordServiceWork", { status: update ? "updating" : status })
  if ((await images.find(service)) === undefined) {
    await step(service.image === null ? "building" : "pulling")
    await images.obtain(
      service,
      (line) => context.log.debug("docker_progress", { service: service.service_name, ...line }),
      signal,
    )
  }
  const image = await images.find(service)
  if (image === undefined) throw new EngineError("refused", "the image is not there after all")
  signal.throwIfAborted()
  await step("starting")
  const network = context.config.SERVICE_NETWORKS[0] === service.network
  await calls.ensureNetwork(service.network, network)
  for (const { name } of service.volumes)
    await calls.ensureVolume(volumeName(installation, service, name), service.service_name)
  const internalPort = service.internal_port ?? image.ports[0] ?? 8080
  const port = service.expose ? await reservePort(work, mine) : null
  const environment = await environmentOf(work)
  signal.throwIfAborted()
  const options = containerOptions(service, { installation, image: image.reference, port, internalPort, environment })
  const id = await calls.create(options)
  crash("docker.created")
  try {
    await tell(work, "RecordServiceContainer", containerData(service, { id, port, internalPort }))
  } catch (error) {
    // Refused: the service was deleted meanwhile, or something else was asked of it. Nobody would find what was made late.
    if (error instanceof GatehouseError && error.status < 500) await calls.remove(id, false)
    throw error
  }
  return {
    id,
    port,
    internalPort,
    service: service.service_name,
    event: eventLabel(service, service.revision),
    state: "created",
    status: "",
    created: 0,
  }
}

/** Ports in use by others that are remembered: what has become free again is found out by trying. */
const mostTaken = 500

async function reservePort(work: Work, mine: readonly Seen[]): Promise<number> {
  const held = mine.flatMap(({ port }) => port ?? [])
  const taken = work.service.external_port === null ? [...work.context.taken].slice(-mostTaken) : []
  const avoid = [...new Set([...held, ...taken])]
  const { port } = (await tell(work, "ReserveServicePort", { avoid })) as { port: number }
  work.context.crash("docker.portReserved")
  return port
}

async function environmentOf({ context, service }: Work): Promise<string[]> {
  return Promise.all(
    service.environment.map(async ({ name, value_ref }) => {
      const value = await openSecret(context, value_ref)
      if (value === undefined) throw new EngineError("permanent", `the value of ${name} is lost; set it again`)
      return `${name}=${value}`
    }),
  )
}

/** A container as it is recorded: as it was recorded before, or one of the present settings. */
function containerData(
  { container, revision, bind_address }: Service,
  { id, port, internalPort }: Pick<Seen, "id" | "port" | "internalPort">,
) {
  if (container?.container_id === id) return container
  return { container_id: id, revision, port, address: bind_address, internal_port: internalPort }
}

/** Starts a container and reports it once it works. One that does not is stopped, or removed if another still serves. */
async function bringUp(work: Work, container: Seen, serving: Seen | undefined): Promise<void> {
  const { context, service, signal } = work
  const { calls, crash } = context
  const update = serving !== undefined && serving.id !== container.id
  try {
    if (service.status === "restarting" && container.state === "running")
      await calls.restart(container.id, service.grace)
    else if (container.state !== "running") await calls.start(container.id)
    crash("docker.started")
    context.watched.add(container.id)
    const { id, port } = container
    const known = containerData(service, container)
    const { address, internal_port: internalPort } = known
    // One that has listened before must do so again; whoever is only slower than then gets more time with each attempt.
    const [strict, listenMs] = [update || service.heard, context.listenMs * (update ? 1 : service.attempt + 1)]
    const ready = await untilReady({ calls, id, port, address, internalPort, strict, listenMs, signal })
    await tell(work, "RecordServiceStarted", { ...known, ...ready })
    crash("docker.startRecorded")
  } catch (error) {
    if (!(error instanceof EngineError) || error.code === "unavailable") throw error
    await undo(work, container, update, error)
    throw error
  }
}

async function undo(
  { context, service }: Work,
  { id, port }: Seen,
  update: boolean,
  error: EngineError,
): Promise<void> {
  const portTaken = /port is already allocated|address already in use|failed to bind/i.test(error.message)
  if (portTaken && port !== null && service.external_port !== port) context.taken.add(port)
  // A killed engine may leave a container's task with containerd: this container will never start again, another will.
  const taskLeft = /task [0-9a-f]{64}: already exists|id already in use/.test(error.message)
  // Or restore a container without its network: no start of its own mends that either, as seen.
  const deaf = error.message === nobodyListens
  if (update || portTaken || taskLeft || deaf) return context.calls.remove(id)
  // What it has printed can still be read.
  await context.calls.stop(id, 1)
}

/** Ends the containers of earlier settings when their last requests had time to finish. */
async function retire(work: Work, current: Seen): Promise<void> {
  const { context, service, signal } = work
  const others = (await context.calls.list(service.service_name)).filter(({ id }) => id !== current.id)
  if (others.some(isUp)) await sleep(context.drainMs, undefined, { signal })
  for (const { id, state } of others) {
    if (isUp({ state })) await context.calls.stop(id, service.grace)
    await context.calls.remove(id)
    context.crash("docker.removed")
  }
  if (service.build !== null) await context.calls.removeImages(service.service_name, current.event)
  await tell(work, "ReleaseServicePorts", { keep: current.port === null ? [] : [current.port] })
}

/** What became of a container that should run and does not. */
function crashOf(found: ContainerInspectInfo | undefined): string {
  return found === undefined ? "the container is gone" : exitText(found)
}
