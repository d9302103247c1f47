import { changeLines, fieldLines, showText } from "./log-text.ts"
import type { Reply } from "./client.ts"
import type { Session } from "./session.ts"
import { cell } from "../api/rows.ts"

interface Trial {
  readonly operations: readonly string[]
  readonly position: number
  readonly refused: { readonly operation: string; readonly code: string; readonly detail: string } | null
  readonly events: readonly { readonly type: string; readonly aggregate: string }[]
  readonly changes: Parameters<typeof changeLines>[0]
  readonly routing: readonly {
    readonly host: string
    readonly change: string
    readonly fields: Parameters<typeof fieldLines>[0]
  }[]
  readonly access: readonly {
    readonly who: string
    readonly name: string
    readonly client_id: string | null
    readonly host: string | null
    readonly reason: string
  }[]
}

/** What was tried would come to. @param notes what else there is to say about how the trial went */
export function showTrial(session: Session, reply: Reply, notes: readonly string[]): void {
  const { operations, position, refused, events, changes, routing, access } = reply.body as unknown as Trial
  showText(session, reply, () => [
    `${operations.join(", then ")} on the state at position ${position}; nothing was changed`,
    ...(refused === null
      ? []
      : [
          cell(
            `${operations.length > 1 ? `${refused.operation} ` : ""}would be refused: ${refused.code}: ${refused.detail}`,
          ),
        ]),
    ...notes.map(cell),
    ...section(
      "events",
      events.map(({ type, aggregate }) => `  ${type} ${cell(aggregate)}`),
    ),
    ...section(
      "changes",
      changeLines(changes).map((line) => `  ${line}`),
    ),
    ...section(
      "routing",
      routing.flatMap(({ host, change, fields }) => [`  ${cell(host)} ${change}`, ...fieldLines(fields, "      ")]),
    ),
    ...section(
      "would lose access",
      access
        .map(({ who, name: whose, client_id, host, reason }) => {
          const through = client_id === null ? "" : ` with ${client_id}`
          const what = host === null ? "the admin API" : host
          return `  ${who === "anyone" ? "anyone" : `${who} ${whose}`}${through}: ${what} (${reason})`
        })
        .map(cell),
    ),
  ])
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`${title}: none`] : [`${title}:`, ...lines]
}
