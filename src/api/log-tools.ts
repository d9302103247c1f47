import type { ActorRecord } from "../platform/event-store.ts"
import type { AuditTrail } from "../platform/audit-trail.ts"
import type { CheckpointFile } from "../platform/checkpoint-file.ts"
import type { CheckpointKey, SignedStatement } from "../platform/checkpoint-key.ts"
import type { DeadLetters } from "../platform/dead-letters.ts"
import type { LogArchive } from "../platform/log-archive.ts"
import type { LogFacts } from "../platform/log-facts.ts"
import type { Rebuilt } from "../projections/rebuild.ts"
import type { LogIndex } from "../projections/log-index.ts"
import type { ArchiveReport, ArchiveRequest } from "../projections/archiving.ts"
import type { Past } from "../projections/past.ts"

/** What the endpoints about the log need besides the events. */
export interface LogTools {
  /** Over the archive too. */
  readonly trail: AuditTrail
  readonly past: Past
  readonly index: LogIndex
  readonly deadLetters: DeadLetters
  facts(): Promise<LogFacts>
  /** Folds the log anew on this node. */
  rebuild(signal: AbortSignal): Promise<Rebuilt>
  readonly archive: LogArchive
  archiveLog(request: ArchiveRequest): Promise<ArchiveReport>
  readonly checkpoints: {
    readonly key: CheckpointKey
    readonly file: CheckpointFile
    sign(actor: ActorRecord): Promise<SignedStatement>
  }
}
