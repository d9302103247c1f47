import type { ActorRecord } from "../platform/event-store.ts"
import type { LogRecord } from "../events/log.ts"

/** What is to be archived. */
export interface ArchiveRequest {
  /** Events at the end of the log that stay in Redis; at least 1. */
  readonly keep: number
  /** Events of one segment at most. */
  readonly segment: number
  readonly actor: ActorRecord
}

/** What was done. */
export interface ArchiveReport {
  readonly segments: LogRecord["segments"]
  /** Last position that is in the archive; 0 when none is. */
  readonly archived: number
  /** First position that is in Redis. */
  readonly first: number
  /** Why something that is archived stays in Redis as well; null when nothing does. */
  readonly kept: string | null
}
