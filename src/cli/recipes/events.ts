import { CliFailure } from "../failure.ts"
import type { Recipe } from "../recipe.ts"
import type { Session } from "../session.ts"
import { cell } from "../../api/rows.ts"
import { filtersOf } from "../filters.ts"
import { followStream } from "../follow-stream.ts"

interface Line {
  readonly position: number
  readonly at: string
  readonly type: string
  readonly aggregate: string
  readonly actor: string
}

/** Follows the stream and goes on where it was when the connection is lost. Ends by `limit`, or with the process. */
export const events: Recipe = {
  name: "events",
  group: "audit",
  doc: "Follow events as they happen, by filter=value: type aggregate name actor command_id from; limit=N ends after N, token=",
  parameters: [],
  options: true,
  async run(session, _args, options) {
    const { limit = "", token: whose = "", ...query } = filtersOf(options)
    if (!/^\d*$/.test(limit)) throw new CliFailure("usage", "usage: limit is a number of events")
    const most = limit === "" ? Number.POSITIVE_INFINITY : Number(limit)
    const input = { query, token: await session.token(whose) }
    await followStream(session, "streamEvents", input, most, (data) => session.terminal.write(shown(session, data)))
  },
}

function shown({ format }: Session, data: string): string {
  if (format === "json") return `${data}\n`
  const { position, at, type, aggregate, actor } = JSON.parse(data) as Line
  return `${String(position).padStart(6)}  ${cell(`${at}  ${type}  ${aggregate}  ${actor}`)}\n`
}
