import type { ActorRecord } from "../platform/event-store.ts"
import type { CheckpointFile } from "../platform/checkpoint-file.ts"
import type { CheckpointKey, SignedStatement } from "../platform/checkpoint-key.ts"
import { type Logger, reason } from "../platform/log.ts"
import type { CommandBus } from "../platform/command-bus.ts"
import { GatehouseError } from "../errors.ts"
import type { Projections } from "../projections/projections.ts"
import { find } from "../events/world.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** What signs checkpoints. */
export interface CheckpointParts {
  readonly bus: CommandBus
  readonly projections: Projections
  readonly key: CheckpointKey
  readonly now: () => Date
}

const decisionMs = 10_000

/** Signs the log as it is on this node. @returns the checkpoint @throws GatehouseError `store_unavailable` */
export async function signCheckpoint(
  { bus, projections, key, now }: CheckpointParts,
  actor: ActorRecord = { name: "system:checkpoints", admin: true },
): Promise<SignedStatement> {
  const { position, hash } = projections.world
  const checkpoint = key.sign({ position, hash, signed_at: now().toISOString() })
  const executed = await bus.execute({ type: "RecordCheckpoint", data: checkpoint, actor }, decisionMs)
  if (executed.status === "queued") throw new GatehouseError("store_unavailable", "the checkpoint was not recorded yet")
  return checkpoint
}

/** When checkpoints are due. */
export interface CheckpointSchedule {
  /** Events without one. */
  readonly every: number
  /** Milliseconds without one, when there was any event. */
  readonly intervalMs: number
  readonly signal: AbortSignal
  readonly log: Logger
}

const lookMs = 5_000

/** Signs whenever a checkpoint is due, until `signal` is aborted; for the one node that leads. */
export async function workOnCheckpoints(parts: CheckpointParts, schedule: CheckpointSchedule): Promise<void> {
  const { projections, now } = parts
  const { every, intervalMs, signal, log } = schedule
  const began = now().getTime()
  while (!signal.aborted) {
    const newest = find(projections.world, "log", "log")?.checkpoint
    // One event is the newest checkpoint's own.
    const unsigned = projections.world.position - (newest?.position ?? 0) - (newest == null ? 0 : 1)
    const since = newest == null ? began : Date.parse(newest.signed_at)
    if (unsigned >= every || (unsigned > 0 && now().getTime() - since >= intervalMs))
      await signCheckpoint(parts).catch((error: unknown) => {
        log.warning("checkpoint_not_signed", { error: reason(error) })
      })
    await sleep(lookMs, undefined, { signal }).catch(() => undefined)
  }
}

/** Keeps every genuine checkpoint of the log in this node's own file too. @returns ends it */
export function keepCheckpoints(
  { projections, key }: Pick<CheckpointParts, "projections" | "key">,
  file: CheckpointFile,
  log: Logger,
): () => void {
  return projections.listen((events) => {
    for (const { kind, type, data } of events) {
      if (kind !== "log" || type !== "CheckpointSigned" || !key.genuine(data as SignedStatement)) continue
      file.add(data as SignedStatement).catch((error: unknown) => {
        log.warning("checkpoint_not_kept", { error: reason(error) })
      })
    }
  })
}
