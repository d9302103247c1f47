import type { AuditTrail, Decided, Received } from "../platform/audit-trail.ts"
import type { StoredEvent } from "../events/envelope.ts"

/** Commands and decisions of a run of events. */
export interface Belonging {
  readonly commands: readonly Received[]
  readonly decisions: readonly Decided[]
}

const pageSize = 1000
/** A command that is not waiting and came so long before the first event of the run was decided long ago; milliseconds. */
const longAgo = 600_000

/**
 * Commands from the front of the stream that are decided by the end of the run, and the decisions of that time. Stops at the
 * first command whose event comes later, so that the stream stays in one piece.
 * @param earlier ids of commands whose events are archived already
 * @param after stream ids of the last command and decision that are archived; `0` = none
 */
export async function segmentCommands(
  trail: AuditTrail,
  events: readonly StoredEvent[],
  earlier: ReadonlySet<string>,
  after: { readonly command: string; readonly decision: string },
): Promise<Belonging> {
  const end = events.at(-1)!.meta.at
  const begin = Date.parse(events[0]!.meta.at) - longAgo
  const decisions = await decidedUntil(trail, end, after.decision)
  const settled = new Set([...events.map(({ meta }) => meta.command_id), ...earlier])
  const entries = new Set(decisions.map(({ entry }) => entry))
  const commands: Received[] = []
  for (let cursor = after.command; ;) {
    const page = await trail.commands(cursor, pageSize)
    for (const received of page) {
      const { entry, command } = received
      const known = entries.has(entry) || (command !== null && settled.has(command.id))
      const old = Number(entry.split("-")[0]) < begin
      if (!known && (!old || (await trail.undecided(entry)))) return { commands, decisions }
      commands.push(received)
    }
    if (page.length === 0) return { commands, decisions }
    cursor = page.at(-1)!.entry
  }
}

async function decidedUntil(trail: AuditTrail, end: string, after: string): Promise<Decided[]> {
  const decisions: Decided[] = []
  for (;;) {
    const page = await trail.decisions(decisions.at(-1)?.id ?? after, pageSize)
    for (const decided of page) {
      if ((decided.outcome.decided_at ?? "") > end) return decisions
      decisions.push(decided)
    }
    if (page.length === 0) return decisions
  }
}
