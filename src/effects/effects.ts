import type { EffectContext } from "./effect-context.ts"
import { type Changes, workOnCertificates } from "./certificate-worker.ts"
import type { DockerParts } from "./docker.ts"
import type { ConnectRedis } from "../platform/redis.ts"
import type { EventRecord } from "../platform/event-store.ts"
import type { Kind } from "../events/event.ts"
import { atHead, reaches } from "./at-head.ts"
import { keepLease } from "../platform/lease.ts"
import { subscribe } from "../platform/subscription.ts"
import { type WebhookParts, workOnWebhooks } from "./webhook-worker.ts"
import { workOnServices } from "./docker-worker.ts"

/** What runs effects, and who this node is. */
export interface EffectOptions extends EffectContext {
  readonly connect: ConnectRedis
  /** Unique to this run of the process. */
  readonly holder: string
  /** Milliseconds that the lease lasts without a heartbeat; 15 000. */
  readonly leaseTtlMs?: number
  /** Milliseconds between heartbeats; 5 000. */
  readonly leaseBeatMs?: number
  /** The container engine; without it nobody works on services. */
  readonly docker?: DockerParts
  /** What delivers to webhooks; without it nobody does. */
  readonly webhooks?: WebhookParts
}

/** Effects that run until they are stopped. */
export interface Effects {
  /** Ends running attempts; whoever leads next goes on with them. Resolves when nothing runs any more. */
  stop(): Promise<void>
}

/** Name of the lease under which one node issues certificates and renews them when they are due. */
export const certificateLease = "effects:certificates"
/** The same for services, and for webhooks. */
const dockerLease = "effects:docker"
const webhookLease = "effects:webhooks"

/** Starts what reacts to the log with I/O. One node at a time does the work. */
export function startEffects(options: EffectOptions): Effects {
  const stop = new AbortController()
  const { store, log, holder, leaseTtlMs, leaseBeatMs } = options
  const lead = (name: string, work: (signal: AbortSignal, epoch: number) => Promise<void>) =>
    keepLease({
      store,
      name,
      holder,
      lead: (epoch, signal) => work(signal, epoch),
      signal: stop.signal,
      log,
      ...(leaseTtlMs !== undefined && { ttlMs: leaseTtlMs }),
      ...(leaseBeatMs !== undefined && { beatMs: leaseBeatMs }),
    })
  const { docker, webhooks } = options
  const leading = [
    lead(certificateLease, (signal) => {
      options.crash("acme.leaseTaken")
      return follow(options, "certificate", "certificates", signal, (changes) =>
        workOnCertificates(options, changes, signal),
      )
    }),
    ...(docker === undefined
      ? []
      : [
          lead(dockerLease, (signal) =>
            follow(options, "service", "services", signal, (changes) =>
              workOnServices({ ...options, ...docker, worker: "docker" }, changes, signal),
            ),
          ),
        ]),
    ...(webhooks === undefined
      ? []
      : [
          lead(webhookLease, async (signal, epoch) => {
            options.crash("webhook.leaseTaken")
            await atHead(options, signal)
            await workOnWebhooks(options, webhooks, { lease: webhookLease, epoch }, signal)
          }),
        ]),
  ]
  return {
    async stop() {
      stop.abort()
      await Promise.all(leading)
    },
  }
}

/**
 * Works with news of one kind of aggregates, from a consumer group.
 */
async function follow(
  options: EffectOptions,
  kind: Kind,
  group: string,
  signal: AbortSignal,
  work: (changes: Changes) => Promise<void>,
): Promise<void> {
  await atHead(options, signal)
  if (signal.aborted) return
  const { connect, log, projections: progress } = options
  const { handle, changes } = changesOf(kind, options)
  await Promise.all([subscribe({ connect, progress, group, consumer: "leader", handle, signal, log }), work(changes)])
}

/** An event is done with when the worker has been told of it. */
function changesOf(wanted: Kind, { projections }: EffectContext) {
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
      if (kind !== wanted) return
      await reaches(projections, position, signal)
      for (const listener of listeners) listener()
    },
  }
}
