import type { AuditTrail } from "../platform/audit-trail.ts"
import type { LogFacts } from "../platform/log-facts.ts"
import type { Past } from "../projections/past.ts"

/** What the endpoints about the log need besides the events. */
export interface LogTools {
  readonly trail: AuditTrail
  readonly past: Past
  facts(): Promise<LogFacts>
}
