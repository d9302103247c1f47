import { type CheckpointKey, checkpointKey, checkpointSeed } from "./platform/checkpoint-key.ts"
import { archivedStore, archivedTrail } from "./platform/archived-log.ts"
import { keepCheckpoints, signCheckpoint, workOnCheckpoints } from "./effects/checkpoints.ts"
import type { CommandBus } from "./platform/command-bus.ts"
import type { Config } from "./platform/config.ts"
import type { CrashPoint } from "./platform/crash-point.ts"
import type { EventStore } from "./platform/event-store.ts"
import { type LogArchive, logArchive } from "./platform/log-archive.ts"
import type { LogTools } from "./api/log-tools.ts"
import type { Logger } from "./platform/log.ts"
import type { Redis } from "ioredis"
import type { Runner } from "./projections/runner.ts"
import { type ArchiverParts, archiveLog } from "./effects/archiver.ts"
import { workOnArchive } from "./effects/archive-schedule.ts"
import { auditTrail } from "./platform/audit-trail.ts"
import { checkpointFile } from "./platform/checkpoint-file.ts"
import { deadLetters } from "./platform/dead-letters.ts"
import { eraser } from "./platform/eraser.ts"
import { join } from "node:path"
import { keepLease } from "./platform/lease.ts"
import { logIndex } from "./projections/log-index.ts"
import { logFacts } from "./platform/log-facts.ts"
import { past } from "./projections/past.ts"

/** The log of a node: in its store and in the archive. */
export interface Log {
  /** In Redis alone. */
  readonly inRedis: EventStore
  readonly archive: LogArchive
  /** Both as one. */
  readonly store: EventStore
}

/** Settings of the log. */
export type LogSettings = Pick<
  Config,
  | "GATEHOUSE_HOME"
  | "ARCHIVE_DIR"
  | "ARCHIVE_KEEP"
  | "MASTER_KEY"
  | "CHECKPOINT_KEY"
  | "CHECKPOINT_TRUSTED_KEYS"
  | "CHECKPOINT_EVERY"
  | "CHECKPOINT_INTERVAL"
  | "ERASURE_DELAY"
  | "LEASE_TTL"
>

/** Puts the store and the archive together. */
export function logOf(inRedis: EventStore, config: LogSettings, crash: CrashPoint, log: Logger): Log {
  const archive = logArchive(config.ARCHIVE_DIR ?? join(config.GATEHOUSE_HOME, "archive"), crash, log)
  return { inRedis, archive, store: archivedStore(inRedis, archive) }
}

/** What the tools of the log work with. */
export interface LogParts extends Log {
  readonly config: LogSettings
  readonly redis: Redis
  readonly bus: CommandBus
  readonly projections: Runner
  readonly crash: CrashPoint
  readonly log: Logger
  readonly now: () => Date
  readonly holder: string
}

function keyOf({ CHECKPOINT_KEY, MASTER_KEY, CHECKPOINT_TRUSTED_KEYS }: LogSettings): CheckpointKey {
  const own = CHECKPOINT_KEY === undefined ? undefined : Buffer.from(CHECKPOINT_KEY, "base64")
  return checkpointKey(own ?? checkpointSeed(Buffer.from(MASTER_KEY, "base64")), CHECKPOINT_TRUSTED_KEYS)
}

function archiver(parts: LogParts): ArchiverParts {
  const { inRedis: store, redis, config } = parts
  return { ...parts, store, trail: auditTrail(redis), leaseMs: config.LEASE_TTL * 5000 }
}

/** What the API's endpoints about the log work with. */
export function logTools(parts: LogParts): LogTools {
  const { redis, store, archive, config } = parts
  const trail = auditTrail(redis)
  const key = keyOf(config)
  return {
    trail: archivedTrail(trail, archive),
    past: past(store),
    index: logIndex(store),
    deadLetters: deadLetters(redis, parts.crash),
    facts: () => logFacts(redis),
    rebuild: (signal) => parts.projections.rebuild(signal),
    archive,
    archiveLog: (request) => archiveLog(archiver(parts), request),
    checkpoints: {
      key,
      file: checkpointFile(config.GATEHOUSE_HOME),
      sign: (actor) => signCheckpoint({ ...parts, key }, actor),
    },
  }
}

/** Work on the log that goes on by itself. */
export interface LogWork {
  readonly signal: AbortSignal
  readonly leaseTtlMs: number
  readonly leaseBeatMs: number
}

/** Keeps and signs checkpoints, archives, and rewrites the append-only file after secrets were destroyed, until `signal` is aborted. */
export async function workOnLog(parts: LogParts, { signal, leaseTtlMs, leaseBeatMs }: LogWork): Promise<void> {
  const { config, inRedis, holder, log, projections } = parts
  const key = keyOf(config)
  const stopKeeping = keepCheckpoints({ projections, key }, checkpointFile(config.GATEHOUSE_HOME), log)
  const schedule = { every: config.CHECKPOINT_EVERY, intervalMs: config.CHECKPOINT_INTERVAL * 1000, log }
  const { ARCHIVE_KEEP: keep } = config
  const lead = async (_epoch: number, lost: AbortSignal) => {
    const archiving = keep === undefined ? undefined : workOnArchive(archiver(parts), { keep, signal: lost, log })
    await Promise.all([workOnCheckpoints({ ...parts, key }, { ...schedule, signal: lost }), archiving])
  }
  await Promise.all([
    keepLease({
      store: inRedis,
      name: "checkpoints",
      holder,
      lead,
      signal,
      log,
      ttlMs: leaseTtlMs,
      beatMs: leaseBeatMs,
    }),
    eraser(parts.redis, config.ERASURE_DELAY, signal, log),
  ])
  stopKeeping()
}
