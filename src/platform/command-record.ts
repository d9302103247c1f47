import type { CommandRecord, Outcome } from "./event-store.ts"

/** Text of the command in the fields of a stream entry; empty when there is none. */
export function commandText(fields: readonly string[] | null): string {
  const at = fields?.indexOf("command") ?? -1
  return at === -1 ? "" : (fields?.[at + 1] ?? "")
}

/** The command that a stream entry holds, or null for anything else. */
export function parseCommand(raw: string): CommandRecord | null {
  try {
    const value = JSON.parse(raw) as Partial<CommandRecord> | null
    const texts = [
      value?.id,
      value?.type,
      value?.actor?.name,
      value?.correlation_id,
      value?.submitted_at,
      value?.fingerprint,
    ]
    const wellFormed = texts.every((text) => typeof text === "string") && Array.isArray(value?.secrets)
    return wellFormed ? (value as CommandRecord) : null
  } catch {
    return null
  }
}

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
