import type { EffectContext } from "./effect-context.ts"
import { type Changes, workOnCertificates } from "./certificate-worker.ts"
import type { ConnectRedis } from "../platform/redis.ts"
import type { EventRecord } from "../platform/event-store.ts"
import { keepLease } from "../platform/lease.ts"
import { subscribe } from "../platform/subscription.ts"

/** What runs effects, and who this node is. */
export interface EffectOptions extends EffectContext {
  readonly connect: ConnectRedis
  /** Unique to this run of the process. */
  readonly holder: string
  /** Milliseconds that the lease lasts without a heartbeat; 15 000. */
  readonly leaseTtlMs?: number
  /** Milliseconds between heartbeats; 5 000. */
  readonly leaseBeatMs?: number
}

/** Effects that run until they are stopped. */
export interface Effects {
  /** Ends running attempts; whoever leads next goes on with them. Resolves when nothing runs any more. */
  stop(): Promise<void>
}

/** Name of the lease under which one node works on certificates. */
const certificateLease = "effects:certificates"

/** Starts what reacts to the log with I/O. One node at a time does the work. */
export function startEffects(options: EffectOptions): Effects {
  const stop = new AbortController()
  const { store, log, holder, leaseTtlMs, leaseBeatMs } = options
  const certificates = keepLease({
    store,
    name: certificateLease,
    holder,
    lead: (_epoch, signal) => lead(options, signal),
    signal: stop.signal,
    log,
    ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }),
    ...(leaseBeatMs !== undefined && { beatMs: leaseBeatMs }),
  })
  return {
    async stop() {
      stop.abort()
      await certificates
    },
  }
}

const catchUpMs = 1000

/** The leader before may have recorded what this node has not seen yet: nothing starts before that. */
async function lead(options: EffectOptions, signal: AbortSignal): Promise<void> {
  options.crash("acme.leaseTaken")
  const head = await options.store.head()
  while (!signal.aborted && !(await options.projections.reached(head.position, catchUpMs)));
  if (signal.aborted) return
  const { connect, log } = options
  const { handle, changes } = certificateChanges(options)
  await Promise.all([
    subscribe({ connect, group: "certificates", consumer: "leader", handle, signal, log }),
    workOnCertificates(options, changes, signal),
  ])
}

/** Consumer of the group `certificates`: an event is done with when the worker has been told of it. */
function certificateChanges({ projections }: EffectContext) {
  const listeners = new Set<() => void>()
  const changes: Changes = {
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  return {
    changes,
    async handle({ kind, position }: EventRecord, signal: AbortSignal): Promise<void> {
      if (kind !== "certificate") return
      while (!signal.aborted && !(await projections.reached(position, catchUpMs)));
      for (const listener of listeners) listener()
    },
  }
}
