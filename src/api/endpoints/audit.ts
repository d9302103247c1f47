import * as z from "zod"
import { type Call, endpoint } from "../endpoint.ts"
import { gave } from "../access.ts"
import { aggregateName, isAboutOwned } from "../../projections/views/event.ts"
import { integer, listOf, listQuery, pagination } from "../list.ts"
import type { CommandRecord } from "../../platform/event-store.ts"
import type { Decided } from "../../platform/audit-trail.ts"
import type { StoredEvent } from "../../events/envelope.ts"
import { definitions } from "../../commands/command.ts"

/** Positions that one call looks at; more would occupy the node. */
const searchLimit = 20_000
const pageSize = 1000
const maxPosition = 999_999_999_999_999

const Entry = z
  .strictObject({
    at: z.string(),
    status: z.enum(["accepted", "rejected", "dead"]),
    actor: z.string(),
    command: z.string().describe("Type of the command."),
    command_id: z.string(),
    objects: z.array(z.string()).describe("Kind and id of what it changed, or, refused, was about."),
    events: z.array(z.string()).describe("Types of its events; none of a refused one."),
    position: z.int().nullable().describe("Of its last event; null when there is none."),
    code: z.string().nullable().describe("Why it was refused."),
    detail: z.string().nullable(),
    reason: z.string().nullable().describe("Why it was given, in the caller's words."),
    ip: z.string().nullable().describe("Administrators only."),
  })
  .meta({ id: "AuditEntry" })
type Entry = z.infer<typeof Entry>

const Query = listQuery(["at"], "desc").extend({
  actor: z.string().max(128).optional(),
  command: z.string().max(64).optional().describe("Type of the command."),
  object: z.string().max(2048).optional().describe("Kind, or kind/id."),
  status: z.enum(["accepted", "rejected", "dead"]).optional(),
  code: z.string().max(64).optional(),
  ip: z.string().max(64).optional(),
  from: integer(1, maxPosition, undefined).describe("First position."),
  to: integer(1, maxPosition, undefined).describe("Last position."),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
})

const audit = endpoint({
  method: "GET",
  path: "/api/v1/audit",
  operationId: "listAudit",
  tag: "events",
  summary: `List every command with what became of it, refused ones too; owners see what is about their own objects, and what they asked for. At most ${searchLimit} positions are searched: go on from "searched".`,
  who: "any",
  query: Query,
  status: 200,
  deadline: 120,
  response: listOf("entries", Entry).extend({ searched: z.strictObject({ from: z.int(), to: z.int() }) }),
  errors: ["position_archived", "archive_unavailable"],
  async handler(call) {
    const { api, query } = call
    const end = Math.min(query.to ?? maxPosition, api.projections.world.position)
    const asked = { from: query.from ?? 1, to: end }
    const searched =
      query.order === "asc"
        ? { from: asked.from, to: Math.min(asked.to, asked.from + searchLimit - 1) }
        : { from: Math.max(asked.from, asked.to - searchLimit + 1), to: asked.to }
    const accepted = await acceptedBetween(call, searched.from, searched.to)
    const atEnd = searched.to === api.projections.world.position
    const others =
      searched.to < searched.from ? [] : await othersBetween(call, accepted.begin, atEnd ? undefined : accepted.end)
    const entries = [...accepted.entries, ...others].filter(matching(query))
    const direction = query.order === "asc" ? 1 : -1
    entries.sort((a, b) => direction * (a.at < b.at ? -1 : a.at > b.at ? 1 : (a.position ?? 0) - (b.position ?? 0)))
    const skip = (query.page - 1) * query.per_page
    return {
      body: {
        entries: entries.slice(skip, skip + query.per_page),
        pagination: pagination(entries.length, query),
        searched,
      },
    }
  },
})

function matching(query: z.output<typeof Query>): (entry: Entry) => boolean {
  const { actor, command, object, status, code, ip, since, until } = query
  const about = (name: string) => name === object || name.startsWith(`${object}/`)
  return (entry) =>
    (actor === undefined || entry.actor === actor) &&
    (command === undefined || entry.command === command) &&
    (object === undefined || entry.objects.some(about)) &&
    (status === undefined || entry.status === status) &&
    (code === undefined || entry.code === code) &&
    (ip === undefined || entry.ip === ip) &&
    (since === undefined || Date.parse(entry.at) >= Date.parse(since)) &&
    (until === undefined || Date.parse(entry.at) <= Date.parse(until))
}

/** Commands by their events, and the time that they cover. */
async function acceptedBetween({ api, caller, signal }: Call, from: number, to: number) {
  const entries: Entry[] = []
  let [begin, end] = ["", ""]
  let current: { id: string; entry: Entry } | undefined
  for (let position = from - 1; position < to;) {
    signal.throwIfAborted()
    const page = (await api.store.read(position, Math.min(pageSize, to - position))) as StoredEvent[]
    if (page.length === 0) break
    begin ||= position === 0 ? "" : page[0]!.meta.at
    for (const event of page) {
      if (!caller.admin && !isAboutOwned(event, caller.token, api.projections.world)) continue
      const { command_id } = event.meta
      if (current?.id !== command_id) {
        current = { id: command_id, entry: entryOf(event, caller.admin) }
        entries.push(current.entry)
      }
      const { entry } = current
      entry.events.push(event.type)
      entry.position = event.position
      if (!entry.objects.includes(aggregateName(event))) entry.objects.push(aggregateName(event))
    }
    position = page.at(-1)!.position
    end = page.at(-1)!.meta.at
  }
  return { entries, begin, end }
}

function entryOf({ meta }: StoredEvent, admin: boolean): Entry {
  return {
    at: meta.at,
    status: "accepted",
    actor: meta.actor.name,
    command: meta.command,
    command_id: meta.command_id,
    objects: [],
    events: [],
    position: null,
    code: null,
    detail: null,
    reason: meta.reason ?? null,
    ip: admin ? (meta.ip ?? null) : null,
  }
}

/** Commands that left no event, from one instant (ISO 8601, empty = the first) to another (undefined = now). */
async function othersBetween(call: Call, begin: string, end: string | undefined): Promise<Entry[]> {
  const { api, caller, signal } = call
  const { trail } = api.logTools
  const found: Decided[] = []
  for (let before = "+"; found.length < searchLimit;) {
    signal.throwIfAborted()
    const page = await trail.decisionsBefore(before, pageSize)
    if (page.length === 0) break
    for (const decided of page) {
      const at = decided.outcome.decided_at ?? ""
      if (at < begin) return Promise.all(found.map((one) => refusedEntry(one, trail, caller.admin)))
      const own = caller.admin || gave(call, decided.outcome)
      if (own && (end === undefined || at <= end)) found.push(decided)
    }
    before = page.at(-1)!.id
  }
  return Promise.all(found.map((one) => refusedEntry(one, trail, caller.admin)))
}

async function refusedEntry(
  { entry, outcome }: Decided,
  trail: Call["api"]["logTools"]["trail"],
  admin: boolean,
): Promise<Entry> {
  const command = entry === "" ? null : ((await trail.command(entry))?.command ?? null)
  return {
    at: outcome.decided_at ?? outcome.submitted_at,
    status: outcome.status as Entry["status"],
    actor: outcome.actor,
    command: outcome.type,
    command_id: outcome.command_id,
    objects: command === null ? [] : targetOf(command),
    events: [],
    position: null,
    code: outcome.code ?? null,
    detail: outcome.detail ?? null,
    reason: command?.reason ?? null,
    ip: admin ? (command?.ip ?? null) : null,
  }
}

/** What a command was about; nothing when it is no command of this version. */
function targetOf({ type, data }: CommandRecord): string[] {
  const definition = definitions.get(type)
  const parsed = definition?.schema.safeParse(data)
  if (definition === undefined || parsed?.success !== true) return []
  return [aggregateName(definition.target(parsed.data))]
}

/** Endpoints about who asked for what. */
export const auditEndpoints = [audit]
