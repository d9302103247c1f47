import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises"
import { type EventGroup, type Given, eventGroup, mostHeld } from "./event-group.ts"
import type { ConnectRedis } from "./redis.ts"
import { type Logger, reason } from "./log.ts"
import { type StreamEntry, eventRecord } from "./redis-tail.ts"
import type { EventRecord } from "./event-store.ts"

/** How far this node has folded the log. */
export interface Progress {
  readonly world: { readonly position: number }
  /** Waits until `position` is folded. @returns false when `waitMs` passed first */
  reached(position: number, waitMs: number): Promise<boolean>
}

/** A consumer group's place in the log and what to do with each event. */
export interface SubscriptionOptions {
  readonly connect: ConnectRedis
  /** Tells when there may be something new: a read that blocks in Redis would be answered before whoever made the change. */
  readonly progress: Progress
  /** Name of the group: one cursor for all nodes. */
  readonly group: string
  /** Name of this consumer; the same one after a restart of the node finds its own unfinished events at once. */
  readonly consumer: string
  /**
   * Handles one event at least once; a repeat must be harmless. When it throws it is called again after the backoff table's
   * next delay, and when the table is at its end the event goes to the dead letters.
   */
  readonly handle: (event: EventRecord, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly log: Logger
  /** Where a group that does not exist yet begins: after the log's present end (default) or at its start. */
  readonly from?: "head" | "start"
  /** Events that are handled at the same time; 1, which also keeps them in order as long as none fails. */
  readonly concurrency?: number
  /** Milliseconds without a heartbeat after which another consumer takes an event over; 60 000. */
  readonly idleMs?: number
  /** Milliseconds before each further attempt. */
  readonly backoff?: readonly number[]
  /** Milliseconds after which the log is looked at although this node has folded nothing; bounds the time that stopping takes. 1000. */
  readonly lookMs?: number
}

const backoffTable = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000]

/** An event that this consumer holds until it is acknowledged or buried. */
interface Held {
  readonly entry: StreamEntry
  attempts: number
  /** `performance.now()` of the next attempt. */
  due: number
  running: boolean
}

/** Handles events until `signal` is aborted. Resolves when the last handler has ended. */
export async function subscribe(options: SubscriptionOptions): Promise<void> {
  const { connect, progress, group, consumer, signal, log, concurrency = 1, idleMs = 60_000, lookMs = 1000 } = options
  const redis = connect(`effect-${group}`, "command")
  const events = eventGroup(redis, group, consumer, options.from ?? "head")
  const held = new Map<string, Held>()
  const running = new Set<Promise<void>>()
  let resumed = false
  let claimAt = 0

  const free = () => concurrency - running.size
  const hold = (given: readonly Given[]) => {
    for (const { entry, attempts } of given)
      if (!held.has(entry[0])) held.set(entry[0], { entry, attempts, due: 0, running: false })
  }
  const start = () => {
    for (const one of held.values()) {
      if (free() <= 0) return
      if (one.running || one.due > performance.now()) continue
      one.running = true
      const work: Promise<void> = attempt(options, events, held, one).finally(() => running.delete(work))
      running.add(work)
    }
  }
  const takeOver = async () => {
    if (!resumed) hold(await events.unfinished())
    resumed = true
    if (free() <= 0 || performance.now() < claimAt) return
    const { given, more } = await events.claim(idleMs, free())
    hold(given)
    claimAt = more ? 0 : performance.now() + idleMs / 2
  }
  const takeNew = async () => {
    const { position } = progress.world
    // Never more than is run: what is not taken here is free for another node.
    const given = free() > 0 && held.size < mostHeld ? await events.fresh(free()) : []
    hold(given)
    if (given.length > 0) return
    const dues = [...held.values()].filter((one) => !one.running).map((one) => one.due)
    const wait = Math.ceil(Math.max(Math.min(...dues, performance.now() + lookMs) - performance.now(), 1))
    await (free() > 0
      ? progress.reached(position + 1, wait)
      : Promise.race([...running, sleep(wait, undefined, { ref: false })]))
    // Somebody may wait for the answer to what was just folded.
    await nextTurn()
  }

  const beating = heartbeat(events, held, idleMs / 3, signal, log)
  while (!signal.aborted) {
    try {
      await takeOver()
      start()
      await takeNew()
      start()
    } catch (error) {
      log.warning("subscription_waits", { group, error: reason(error) })
      await sleep(500, undefined, { signal }).catch(() => undefined)
    }
  }
  await Promise.all([...running, beating])
  redis.disconnect()
}

/** One attempt at one event. Never rejects. */
async function attempt(
  options: SubscriptionOptions,
  events: EventGroup,
  held: Map<string, Held>,
  one: Held,
): Promise<void> {
  const { group, handle, signal, log, backoff = backoffTable } = options
  const [id] = one.entry
  const settle = async (call: () => Promise<void>) => {
    if (await untilDone(call, signal, log)) held.delete(id)
  }
  try {
    await handle(eventRecord(one.entry), signal)
    await settle(() => events.acknowledge(id))
  } catch (error) {
    const delay = backoff[one.attempts - 1]
    log.warning("effect_failed", { group, position: id, attempts: one.attempts, error: reason(error) })
    if (signal.aborted) return
    if (delay === undefined) return settle(() => events.bury(id, one.attempts, reason(error).slice(0, 500)))
    await untilDone(() => events.failed(id, one.attempts), signal, log)
    one.attempts++
    one.due = performance.now() + delay
  } finally {
    one.running = false
  }
}

/** Repeats a harmless call until the store took it. @returns false when the signal came first */
async function untilDone(call: () => Promise<void>, signal: AbortSignal, log: Logger): Promise<boolean> {
  for (;;) {
    try {
      await call()
      return true
    } catch (error) {
      log.warning("subscription_waits", { error: reason(error) })
      if (signal.aborted) return false
      await sleep(500, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** Keeps what is held from being taken over, also while it waits for its next attempt. */
async function heartbeat(
  events: EventGroup,
  held: Map<string, Held>,
  everyMs: number,
  signal: AbortSignal,
  log: Logger,
) {
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    try {
      for (const lost of await events.beat([...held.keys()])) if (held.get(lost)?.running === false) held.delete(lost)
    } catch (error) {
      log.warning("subscription_waits", { error: reason(error) })
    }
  }
}
