import type { CommandRecord, Outcome } from "./event-store.ts"

/** How long an outcome can be asked for, milliseconds: 24 hours, counted anew when the command is decided. */
export const outcomeLifetime = 86_400_000

/** Outcomes that the tail of all outcomes keeps, about. */
export const outcomesKept = 10_000

/** Outcome of a command that was received and not decided yet. */
export function queued(command: CommandRecord): Outcome {
  return {
    command_id: command.id,
    type: command.type,
    fingerprint: command.fingerprint,
    actor: command.actor.name,
    status: "queued",
    submitted_at: command.submitted_at,
  }
}
