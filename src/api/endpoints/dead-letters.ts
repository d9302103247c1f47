import * as z from "zod"
import { listOf, listQuery, pagination } from "../list.ts"
import type { CommandRecord } from "../../platform/event-store.ts"
import { endpoint } from "../endpoint.ts"
import { write } from "../write.ts"

const tag = "log"
/** Letters that one list looks at; there should be none. */
const most = 10_000

const Letter = z
  .strictObject({
    letter: z.string().describe("Id for the retry."),
    group: z.string().describe("Who gave up: `decider` for commands, else a consumer group."),
    entry: z.string().describe("Stream id of the command, or position of the event."),
    attempts: z.int(),
    error: z.string(),
    at: z.string(),
    command: z.string().nullable().describe("Type of the command; null for an event and for what is none."),
    actor: z.string().nullable(),
  })
  .meta({ id: "DeadLetter" })

const list = endpoint({
  method: "GET",
  path: "/api/v1/deadletters",
  operationId: "listDeadLetters",
  tag,
  summary: "List what could not be decided or dealt with.",
  who: "admin",
  query: listQuery(["at"]),
  status: 200,
  response: listOf("deadletters", Letter),
  async handler({ api, query }) {
    const { deadLetters, trail } = api.logTools
    const all = await deadLetters.list("0", most)
    const sorted = query.order === "asc" ? all : all.toReversed()
    const from = (query.page - 1) * query.per_page
    const shown = sorted.slice(from, from + query.per_page).map(async (letter) => {
      const received = letter.group === "decider" ? await trail.command(letter.entry) : undefined
      return { ...letter, command: received?.command?.type ?? null, actor: received?.command?.actor.name ?? null }
    })
    return { body: { deadletters: await Promise.all(shown), pagination: pagination(all.length, query) } }
  },
})

const retry = endpoint({
  method: "POST",
  path: "/api/v1/deadletters/{letter}/retry",
  operationId: "retryDeadLetter",
  tag,
  summary: "Put a dead letter back to work.",
  who: "admin",
  params: z.strictObject({ letter: z.string().regex(/^\d{1,20}-\d{1,20}$/) }),
  status: 200,
  response: z.strictObject({ letter: z.string(), message: z.string() }),
  errors: ["not_found", "invalid_state"],
  async handler(call) {
    const { api, params } = call
    const { deadLetters } = api.logTools
    // The letter of an earlier answer to the same Idempotency-Key is gone.
    const found = await deadLetters.find(params.letter)
    const { letter, group, entry, error } = found ?? { letter: params.letter, group: "", entry: "", error: "" }
    const record = {
      type: "RecordRetry",
      data: { letter, group, entry, error },
      asked: { letter },
      append: (command: CommandRecord) => deadLetters.retry(letter, command),
    }
    return write(call, record, ({ repeated }) => ({
      body: { letter, message: repeated ? "it was put back before" : `${entry} is back with ${group}` },
    }))
  },
})

/** Endpoints about dead letters. */
export const deadLetterEndpoints = [list, retry]
