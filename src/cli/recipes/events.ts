import { cell } from "../../api/rows.ts"
import { ApiFailure } from "../client.ts"
import { CliFailure } from "../failure.ts"
import type { Recipe } from "../recipe.ts"
import type { Session } from "../session.ts"
import { setTimeout as sleep } from "node:timers/promises"

const retryMs = 1000

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
    const { limit = "", token: whose = "", ...query } = Object.fromEntries(options.filter(Boolean).map(pair))
    if (!/^\d*$/.test(limit)) throw new CliFailure("usage", "usage: limit is a number of events")
    let left = limit === "" ? Number.POSITIVE_INFINITY : Number(limit)
    const token = await session.token(whose)
    let lastId = ""
    for (let met = false; left > 0;)
      try {
        const body = await session.stream("streamEvents", { query, token }, lastId)
        met = true
        for await (const { id, data } of messages(body)) {
          lastId = id ?? lastId
          if (data === undefined) continue
          session.terminal.write(shown(session, data))
          if (--left === 0) return
        }
      } catch (error) {
        // What the API refuses stays refused; what could not be reached once is no interruption.
        if (!met || (error instanceof ApiFailure && error.status < 500)) throw error
        session.terminal.error("interrupted; going on\n")
        await sleep(retryMs)
      }
  },
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=")
  if (at < 1) throw new CliFailure("usage", `usage: ${text} is not filter=value`)
  return [text.slice(0, at), text.slice(at + 1)]
}

function shown({ format }: Session, data: string): string {
  if (format === "json") return `${data}\n`
  const { position, at, type, aggregate, actor } = JSON.parse(data) as Line
  return `${String(position).padStart(6)}  ${cell(`${at}  ${type}  ${aggregate}  ${actor}`)}\n`
}

/** Messages of server-sent events, as this API writes them. */
async function* messages(body: ReadableStream<Uint8Array>) {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of body) {
    const blocks = (text + decoder.decode(chunk, { stream: true })).split("\n\n")
    text = blocks.pop()!
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1]
      yield { id: field("id"), data: field("data") }
    }
  }
}
