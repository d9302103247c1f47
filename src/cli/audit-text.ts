import { type FieldChange, fieldLines, showText } from "./log-text.ts"
import type { Reply } from "./client.ts"
import type { Session } from "./session.ts"
import { cell } from "../api/rows.ts"

/** An event with what it changed. */
interface HistoryEvent {
  readonly position: number
  readonly at: string
  readonly type: string
  readonly actor: string
  readonly ip?: string
  readonly command: string
  readonly reason?: string
  readonly causation?: number
  readonly changes: readonly FieldChange[]
}

/** What one command came to. */
interface AuditEntry {
  readonly at: string
  readonly status: string
  readonly actor: string
  readonly command: string
  readonly objects: readonly string[]
  readonly position: number | null
  readonly code: string | null
  readonly detail: string | null
  readonly reason: string | null
  readonly ip: string | null
}

/** Members that hold the time of an event. */
const clocks: ReadonlySet<string> = new Set(["created_at", "updated_at"])

/** The life of an object, event by event. */
export function showHistory(session: Session, reply: Pick<Reply, "body" | "text">): void {
  const { events } = reply.body as unknown as { events: readonly HistoryEvent[] }
  showText(session, reply, () =>
    events.flatMap(({ position, at, type, actor, ip, command, reason, causation, changes }) => [
      cell(
        `${position}  ${at}  ${type} by ${actor}${ip === undefined ? "" : ` from ${ip}`} (${command}${causation === undefined ? "" : `, because of position ${causation}`})`,
      ),
      ...(reason === undefined ? [] : [cell(`    because: ${reason}`)]),
      ...fieldLines(
        // The line above says when.
        changes.filter(({ path, after }) => !(clocks.has(path) && (after === undefined || after === at))),
        "    ",
      ),
    ]),
  )
}

/** Commands with what became of them, one a line. @param hint what else there is to know, after them */
export function showAudit(session: Session, reply: Pick<Reply, "body" | "text">, hint?: string): void {
  const { entries } = reply.body as unknown as { entries: readonly AuditEntry[] }
  showText(session, reply, () => [
    ...(entries.length === 0 ? ["nothing"] : entries.map(line)),
    ...(hint === undefined ? [] : [hint]),
  ])
}

/** Where there is more than one page of an audit shows. */
export function auditHint({ body }: Pick<Reply, "body">): string | undefined {
  const { pagination, searched } = body as unknown as {
    pagination: { page: number; pages: number; total: number }
    searched: { from: number; to: number }
  }
  if (pagination.page < pagination.pages)
    return `page ${pagination.page} of ${pagination.pages}, ${pagination.total} in all; more with --page ${pagination.page + 1}`
  if (searched.from > 1)
    return `positions ${searched.from} to ${searched.to} were searched; before them with to=${searched.from - 1}, everything with all=true`
  return undefined
}

function line(entry: AuditEntry): string {
  const { at, status, actor, command, objects, position, code, detail, reason, ip } = entry
  const from = ip === null ? "" : ` from ${ip}`
  const what =
    status === "accepted"
      ? position === null
        ? "nothing to change"
        : `${some(objects)} (position ${position})`
      : status === "dead"
        ? "DEAD: it could not be decided; see just deadletters"
        : `REJECTED ${code ?? ""}: ${detail ?? ""}${objects.length === 0 ? "" : ` (${some(objects)})`}`
  return cell(`${at}  ${actor}${from}  ${command}: ${what}${reason === null ? "" : `, because: ${reason}`}`)
}

function some(objects: readonly string[]): string {
  const shown = objects.slice(0, 3).join(", ")
  return objects.length > 3 ? `${shown} and ${objects.length - 3} more` : shown
}
