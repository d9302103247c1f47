import { type ArchiverParts, archiveLog } from "./archiver.ts"
import { type Logger, reason } from "../platform/log.ts"
import { find } from "../events/world.ts"
import { setTimeout as sleep } from "node:timers/promises"

/** When the log is archived without being asked. */
export interface ArchiveSchedule {
  /** Events that stay in Redis. */
  readonly keep: number
  readonly signal: AbortSignal
  readonly log: Logger
}

const longestSegment = 10_000
const lookMs = 5_000
/** Milliseconds after an attempt that was refused or broke. */
const pauseMs = 15_000

/** Archives a segment whenever there is one more than is kept, until `signal` is aborted; for the one node that leads. */
export async function workOnArchive(parts: ArchiverParts, { keep, signal, log }: ArchiveSchedule): Promise<void> {
  const segment = Math.min(keep, longestSegment)
  const actor = { name: "system:archive", admin: true }
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined)
  while (!signal.aborted) {
    const { world } = parts.projections
    const archived = find(world, "log", "log")?.segments.at(-1)?.last ?? 0
    if (world.position - archived < keep + segment) {
      await pause(lookMs)
      continue
    }
    try {
      const { segments, kept } = await archiveLog(parts, { keep, segment, actor })
      log.info("log_archived", { segments: segments.length, position: segments.at(-1)?.last, kept })
      if (segments.length === 0) await pause(pauseMs)
    } catch (error) {
      log.warning("log_not_archived", { error: reason(error) })
      await pause(pauseMs)
    }
  }
}
