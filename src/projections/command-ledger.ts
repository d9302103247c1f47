import type { AuditTrail } from "../platform/audit-trail.ts"
import { isAfter } from "../platform/audit-trail.ts"
import type { LogProblem } from "./log-problem.ts"
import type { Outcome } from "../platform/event-store.ts"
import type { StoredEvent } from "../events/envelope.ts"

/** Compares commands with what became of them, reading both once and side by side. */
export interface CommandLedger {
  /** Was this event's command received? To be called with every event, in order. */
  caused(event: StoredEvent): Promise<LogProblem | undefined>
  /** After the last event: does every further command have an outcome, or wait for one? */
  rest(): Promise<LogProblem | undefined>
  counts(): { readonly commands: number; readonly untraced: number }
}

const pageSize = 1000
/**
 * Commands are decided nearly in the order in which they came; one that fails at first is decided a little later. So many are
 * read ahead of the events at most.
 */
const lookAhead = 20_000
/** Commands without a known outcome that are kept before the decisions are asked. */
const mostOpen = 5_000

/** @param outcomeOf an outcome as long as it is kept by its command's id */
export function commandLedger(
  trail: AuditTrail,
  outcomeOf: (commandId: string) => Promise<Outcome | undefined>,
): CommandLedger {
  /** Commands that nothing is known of yet: id → stream id of the newest of that id. */
  const open = new Map<string, string>()
  /** Decisions that were read before their command. */
  const early = new Set<string>()
  let [read, untraced] = [0, 0]
  let [commandCursor, decisionCursor] = ["0", "0"]
  let firstDecision: string | undefined
  let current = ""

  const readCommands = async (): Promise<boolean> => {
    const page = await trail.commands(commandCursor, pageSize)
    for (const { entry, command } of page) {
      read += 1
      if (early.delete(entry)) continue
      open.set(command?.id ?? entry, entry)
    }
    commandCursor = page.at(-1)?.entry ?? commandCursor
    return page.length > 0
  }
  const readDecisions = async (): Promise<boolean> => {
    const page = await trail.decisions(decisionCursor, pageSize)
    for (const { id, entry, outcome } of page) {
      firstDecision ??= id
      if (!open.delete(outcome.command_id) && entry !== "" && isAfter(entry, commandCursor)) early.add(entry)
    }
    decisionCursor = page.at(-1)?.id ?? decisionCursor
    return page.length > 0
  }
  const lost = async (entry: string, id: string): Promise<boolean> => {
    if ((await outcomeOf(id)) !== undefined || (await trail.undecided(entry))) return false
    const traced = firstDecision !== undefined && isAfter(entry, firstDecision)
    if (!traced) untraced += 1
    return traced
  }

  return {
    counts: () => ({ commands: read, untraced }),
    async caused({ position, meta: { command_id: id } }) {
      // The events of one command stand together.
      if (id === current) return undefined
      current = id
      for (let ahead = 0; !open.has(id) && ahead < lookAhead; ahead += pageSize) {
        if (open.size > mostOpen) await readDecisions()
        if (!(await readCommands())) break
      }
      if (open.delete(id)) return undefined
      return { position, code: "no_command", detail: `position ${position}: its command ${id} was never received` }
    },
    async rest() {
      while (await readCommands());
      while (await readDecisions());
      for (const [id, entry] of open)
        if (await lost(entry, id))
          return { position: null, code: "no_outcome", detail: `command ${id} (${entry}) has no outcome` }
      return undefined
    },
  }
}
