import type { Reply } from "./client.ts"
import type { Session } from "./session.ts"
import { cell } from "../api/rows.ts"
import { fieldLines, showText } from "./log-text.ts"

interface Undo {
  readonly dry_run: boolean
  readonly events: readonly {
    readonly position: number
    readonly type: string
    readonly aggregate: string
    readonly actor: string
  }[]
  readonly steps: readonly {
    readonly kind: string
    readonly name: string
    readonly action: string
    readonly commands: readonly string[]
    readonly changes: readonly { readonly field: string; readonly from: unknown; readonly to: unknown }[]
  }[]
  readonly cannot: readonly string[]
  readonly errors: readonly {
    readonly kind: string
    readonly name: string
    readonly code: string
    readonly detail: string
  }[]
}

/** What would be taken back, or was, and what cannot be. */
export function showUndo(session: Session, reply: Reply): void {
  const { dry_run, events, steps, cannot, errors } = reply.body as unknown as Undo
  showText(session, reply, () => [
    "it did:",
    ...events.map(({ position, type, aggregate, actor }) => cell(`  ${position} ${type} ${aggregate} by ${actor}`)),
    steps.length === 0 ? "there is nothing to take back" : dry_run ? "to take it back:" : "taken back:",
    ...steps.flatMap(({ kind, name, action, commands, changes }) => [
      cell(`  ${action} ${kind} ${name}: ${commands.join(", ")}`),
      ...fieldLines(
        changes.map(({ field, from, to }) => ({ path: field, before: from, after: to })),
        "      ",
      ),
    ]),
    ...(cannot.length === 0 ? [] : ["what stays:", ...cannot.map((sentence) => cell(`  ${sentence}`))]),
    ...(errors.length === 0
      ? []
      : [
          "in the way:",
          ...errors.map(({ kind, name, code, detail }) => cell(`  ${kind} ${name}: ${code}: ${detail}`)),
        ]),
  ])
}
