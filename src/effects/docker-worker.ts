import {
  type DockerContext,
  currentOf,
  removeService,
  runService,
  stopService,
  tell,
  sparePorts,
  wantsItsOwnPort,
} from "./docker-service.ts"
import { all, find } from "../events/world.ts"
import type { Changes } from "./certificate-worker.ts"
import { EngineError } from "./docker-engine.ts"
import { GatehouseError } from "../errors.ts"
import type { Seen } from "./docker-calls.ts"
import type { Service } from "../events/service.ts"
import { healthIn } from "./docker-readiness.ts"
import { reason } from "../platform/log.ts"
import { report } from "./effect-context.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { wakeUp } from "./wake-up.ts"

/** Pause before a service is worked on again for the same request. */
const pauseMs = 1000
/** How often the engine is looked at, at least. */
const tickMs = 5000
/** Services that are worked on at the same time, of all owners and of one: no owner's slow images hold up everybody. */
const mostRuns = 16
const mostRunsOfOne = 10
/** Waits before each further attempt; after the last nobody tries again by itself. */
const waits = [1, 2, 5, 15, 60, 120, 300].map((seconds) => seconds * 1000)

interface Run {
  readonly owner: string
  readonly request: number
  readonly created: string
  readonly abort: AbortController
  readonly ended: Promise<void>
}

/**
 * Keeps the containers of all services as their records want them, for as long as `signal` lasts. Looks at the engine at
 * each change of a service and every few seconds; what is owed follows from that alone, so that after a restart everything
 * goes on. Resolves when the last step has ended.
 */
export async function workOnServices(context: DockerContext, changes: Changes, signal: AbortSignal): Promise<void> {
  const { projections, log, now } = context
  const runs = new Map<string, Run>()
  const alarm = wakeUp(signal)
  const unlisten = changes.listen(alarm.ring)
  const held = new Map<string, { readonly request: number; readonly until: number }>()
  let awaySince: number | undefined

  async function run(service: Service, wanted: AbortSignal): Promise<void> {
    const { service_name } = service
    const work = { context, service, signal: AbortSignal.any([signal, wanted]) }
    try {
      if (service.desired_state === "removed") await removeService(work)
      else if (service.desired_state === "stopped") await stopService(work)
      else await runService(work)
    } catch (error) {
      if (!work.signal.aborted) await failed(context, service, error)
    }
    runs.delete(service_name)
    held.set(service_name, { request: service.request, until: performance.now() + pauseMs })
    alarm.ring()
  }

  function start(service: Service): void {
    const abort = new AbortController()
    const { request, created_at: created, service_name, owner } = service
    runs.set(service_name, { owner, request, created, abort, ended: run(service, abort.signal) })
  }

  function isHeld({ service_name, request }: Service): boolean {
    return held.get(service_name)?.request === request
  }

  /** What ends something waits for nobody. */
  function isCrowded({ owner, desired_state }: Service): boolean {
    if (desired_state !== "running") return false
    return runs.size >= mostRuns || [...runs.values()].filter((run) => run.owner === owner).length >= mostRunsOfOne
  }

  async function reconcile(): Promise<void> {
    for (const [name, { request, created, abort }] of runs) {
      const service = find(projections.world, "service", name)
      if (service?.request !== request || service.created_at !== created) abort.abort()
    }
    for (const [name, { until }] of held) if (until <= performance.now()) held.delete(name)
    const services = [...all(projections.world, "service")]
    if (services.length === 0) return
    const seen = Map.groupBy(await context.calls.list(), ({ service }) => service)
    awaySince = undefined
    for (const service of services) {
      const { service_name } = service
      if (runs.has(service_name) || isHeld(service) || isCrowded(service)) continue
      if (isOwed(service, seen.get(service_name) ?? [], context.watched, now().getTime())) start(service)
    }
  }

  async function away(error: EngineError): Promise<void> {
    if (awaySince === undefined) log.warning("docker_unreachable", { reason: error.message })
    awaySince ??= performance.now()
    if (performance.now() - awaySince < context.lostMs) return
    for (const { service_name, status } of all(projections.world, "service"))
      if (status !== "unknown" && status !== "removing") await report(context, "RecordServiceLost", { service_name })
  }

  const watching = watchEngine(context, alarm.ring, signal)
  try {
    while (!signal.aborted) {
      try {
        await reconcile()
      } catch (error) {
        const handled = error instanceof EngineError ? away(error) : Promise.reject(error)
        await handled.catch((late: unknown) => log.warning("docker_reconcile_failed", { reason: reason(late) }))
      }
      const wait = untilDue([...all(projections.world, "service")], now().getTime())
      await alarm.next(held.size === 0 && awaySince === undefined ? wait : Math.min(wait, pauseMs))
    }
  } finally {
    unlisten()
    await Promise.all([watching, ...[...runs.values()].map(({ ended }) => ended)])
  }
}

/** What the engine remembers and tells again when it is listened to: more than lies between its answer and its first word. */
const rememberedMs = 10_000

/** Has the engine tell when something happens to a container; after what may have been missed, each is looked at anew. */
async function watchEngine(
  { calls, watched, projections, log, now }: DockerContext,
  ring: () => void,
  signal: AbortSignal,
): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined)
  const lookAgain = () => {
    watched.clear()
    ring()
  }
  while (!signal.aborted) {
    // An installation without services never asks for an engine.
    while (projections.world.objects.service.size === 0 && !signal.aborted) await pause(100)
    if (signal.aborted) return
    try {
      const events = await calls.events(new Date(now().getTime() - rememberedMs), signal)
      lookAgain()
      try {
        for await (const { Action, Actor } of events) {
          if (Action === "die" && Actor?.ID !== undefined) watched.delete(Actor.ID)
          ring()
        }
      } finally {
        lookAgain()
      }
    } catch (error) {
      log.debug("docker_events_ended", { reason: reason(error) })
    }
    await pause(pauseMs)
  }
}

/** Milliseconds until something may be owed again. */
function untilDue(services: readonly Service[], at: number): number {
  const dues = services.flatMap(({ next_attempt_at }) =>
    next_attempt_at === null ? [] : [Date.parse(next_attempt_at) - at],
  )
  return Math.max(100, Math.min(tickMs, ...dues.filter((ms) => ms > 0)))
}

/** Is a service not as its record wants it? */
function isOwed(service: Service, mine: readonly Seen[], watched: ReadonlySet<string>, at: number): boolean {
  const { desired_state, status, serving, next_attempt_at, health } = service
  if (desired_state === "removed") return true
  if (desired_state === "stopped")
    return status !== "stopped" || mine.some(({ state }) => state === "running" || state === "restarting")
  if (status === "failed" || (next_attempt_at !== null && Date.parse(next_attempt_at) > at)) return false
  if (status !== "running") return true
  const current = currentOf(service, mine)
  return (
    current === undefined ||
    current.id !== serving?.container_id ||
    current.state !== "running" ||
    !watched.has(current.id) ||
    mine.length > 1 ||
    wantsItsOwnPort(service, current) ||
    sparePorts(service, current).length > 0 ||
    healthIn(current.status) !== health
  )
}

/** Records why a step failed and when the next attempt is due, unless the engine or the store is away: then nothing is known. */
async function failed(context: DockerContext, service: Service, error: unknown): Promise<void> {
  const { log, now } = context
  const { service_name, attempt, desired_state } = service
  log.warning("service_step_failed", { service: service_name, attempt: attempt + 1, reason: reason(error) })
  if (error instanceof GatehouseError && error.code !== "port_in_use") return
  if (error instanceof EngineError && error.code === "unavailable") return
  if (desired_state !== "running") return
  // Where another container serves there is no hurry: what was asked for is simply not done.
  const final =
    (error instanceof EngineError && error.code === "permanent") ||
    find(context.projections.world, "service", service_name)?.serving != null
  const wait = final ? undefined : waits[attempt]
  // What the engine said is for the owner; what broke inside is for the log only.
  const detail =
    error instanceof EngineError || error instanceof GatehouseError
      ? error.message
      : "something went wrong inside Gatehouse"
  const code =
    error instanceof EngineError ? `docker_${error.code}` : error instanceof GatehouseError ? error.code : "internal"
  const next_attempt_at = wait === undefined ? null : new Date(now().getTime() + wait).toISOString()
  await tell({ context, service, signal: AbortSignal.abort() }, "RecordServiceFailure", {
    code,
    detail,
    next_attempt_at,
  }).catch((late: unknown) =>
    log.warning("service_failure_not_recorded", { service: service_name, reason: reason(late) }),
  )
}
