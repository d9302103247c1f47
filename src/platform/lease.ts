import { setTimeout as sleep } from "node:timers/promises"
import type { EventStore } from "./event-store.ts"
import { type Logger, reason } from "./log.ts"

/** A lease and what to do while it is held. */
export interface LeaseOptions {
  readonly store: Pick<EventStore, "lease" | "release">
  /** `decider`, or the name of an effect. */
  readonly name: string
  /** Unique to this run of the process: a lease that an earlier run held must not look like one's own. */
  readonly holder: string
  /**
   * Runs while the lease is held; must end soon after `signal` is aborted. `epoch` rises with every change of the holder.
   * When it returns or throws before, the lease is given back and taken again after one beat.
   */
  readonly lead: (epoch: number, signal: AbortSignal) => Promise<void>
  /** Ends it all. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Milliseconds that the store keeps the lease without a heartbeat; 15 000. */
  readonly ttlMs?: number
  /** Milliseconds between heartbeats; 5 000. */
  readonly beatMs?: number
}

/** Pause after a store that did not answer, milliseconds: at a start its connection is about to stand. */
const soonAgain = 500

/** Keeps a named lease for as long as `signal` lasts. Resolves after the lead has ended and the lease was given back. */
export async function keepLease(options: LeaseOptions): Promise<void> {
  const { store, name, holder, signal, log, ttlMs = 15_000, beatMs = 5_000 } = options
  while (!signal.aborted) {
    const asked = performance.now()
    const lease = await store.lease(name, holder, ttlMs).catch((error: unknown) => {
      log.debug("lease_unreachable", { lease: name, error: reason(error) })
      return undefined
    })
    if (lease?.held === true) await hold(options, lease.epoch, asked, ttlMs, beatMs)
    const pause = lease === undefined ? Math.min(soonAgain, beatMs) : beatMs
    await sleep(pause, undefined, { signal }).catch(() => undefined)
  }
}

async function hold(options: LeaseOptions, epoch: number, since: number, ttlMs: number, beatMs: number): Promise<void> {
  const { store, name, holder, lead, signal, log } = options
  const lost = new AbortController()
  const ended = AbortSignal.any([signal, lost.signal])
  log.info("lease_taken", { lease: name, epoch })
  const heartbeat = beat(options, epoch, since, ttlMs, beatMs, lost, ended)
  await lead(epoch, ended).catch((error: unknown) => {
    log.error("lead_failed", { lease: name, epoch, error: reason(error) })
  })
  const gone = lost.signal.aborted
  lost.abort()
  await heartbeat
  log.info("lease_left", { lease: name, epoch, lost: gone })
  if (!gone)
    await store.release(name, holder).catch((error: unknown) => {
      log.warning("lease_not_released", { lease: name, error: reason(error) })
    })
}

/** Renews until `ended`; aborts `lost` before the store can have given the lease to another. */
async function beat(
  { store, name, holder, log }: LeaseOptions,
  epoch: number,
  since: number,
  ttlMs: number,
  beatMs: number,
  lost: AbortController,
  ended: AbortSignal,
): Promise<void> {
  // One beat of distance, so that the lead has time to end before the lease is free.
  let deadline = setTimeout(() => lost.abort(), Math.max(since + ttlMs - beatMs - performance.now(), 0))
  while (!ended.aborted) {
    await sleep(beatMs, undefined, { signal: ended }).catch(() => undefined)
    if (ended.aborted) break
    const asked = performance.now()
    try {
      const lease = await store.lease(name, holder, ttlMs)
      if (!lease.held || lease.epoch !== epoch) lost.abort()
      clearTimeout(deadline)
      deadline = setTimeout(() => lost.abort(), Math.max(asked + ttlMs - beatMs - performance.now(), 0))
    } catch (error) {
      log.warning("lease_beat_failed", { lease: name, epoch, error: reason(error) })
    }
  }
  clearTimeout(deadline)
}
