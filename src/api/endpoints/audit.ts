import * as z from "zod"
import {
  AuditEntry,
  type Others,
  type Unexplained,
  acceptedEntries,
  allExplained,
  othersBetween,
} from "../audit-entries.ts"
import { type Call, endpoint } from "../endpoint.ts"
import { eventsAt, eventsBetween } from "../scan.ts"
import { type Range, searchable } from "../search-range.ts"
import { integer, listOf, listQuery, pagination } from "../list.ts"
import type { StoredEvent } from "../../events/envelope.ts"

/** Positions that one call looks at; more would occupy the node. */
const searchLimit = 20_000
/** The same of events by one actor, which are found by an index. */
const actorLimit = 500
const maxPosition = 999_999_999_999_999

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
type Query = z.output<typeof Query>

const Searched = z.strictObject({
  from: z.int(),
  to: z.int(),
  since: z.string().optional().describe("Commands without events were looked at from here on only: go on with until."),
  until: z.string().optional().describe("Commands without events were looked at up to here only: go on with since."),
})

const audit = endpoint({
  method: "GET",
  path: "/api/v1/audit",
  operationId: "listAudit",
  tag: "events",
  summary: `List every command with what became of it, refused ones too; owners see what is about their own objects, and what they asked for. At most ${searchLimit} positions are searched, of one actor ${actorLimit} events: go on from "searched".`,
  who: "any",
  query: Query,
  status: 200,
  deadline: 120,
  response: listOf("entries", AuditEntry).extend({ searched: Searched }),
  errors: ["position_archived", "archive_unavailable"],
  async handler(call) {
    const { api, query } = call
    const head = api.projections.world.position
    const asked = { from: query.from ?? 1, to: Math.min(query.to ?? maxPosition, head) }
    const { searched, events } = await look(call, asked)
    const [known, told] = [matching(atOnce(query)), matching(byCommand(query))]
    const accepted = (await acceptedEntries(call, events)).filter((entry) => known(entry) && told(entry))
    const others = await othersIn(call, searched, head, known)
    const explainAll = query.object !== undefined || query.ip !== undefined
    const rest = explainAll ? (await allExplained(call, others.found)).filter(told).map(settled) : others.found
    const entries = [...accepted.map(settled), ...rest]
    const direction = query.order === "asc" ? 1 : -1
    entries.sort(
      ({ entry: a }, { entry: b }) =>
        direction * (a.at < b.at ? -1 : a.at > b.at ? 1 : (a.position ?? 0) - (b.position ?? 0)),
    )
    const skip = (query.page - 1) * query.per_page
    const page = entries.slice(skip, skip + query.per_page)
    return {
      body: {
        entries: await allExplained(call, page),
        pagination: pagination(entries.length, query),
        searched: {
          ...searched,
          ...(others.reached !== undefined && { [query.order === "asc" ? "until" : "since"]: others.reached }),
        },
      },
    }
  },
})

/** What is looked at of a range. */
interface Looked {
  readonly searched: Range
  readonly events: AsyncIterable<StoredEvent>
}

function look(call: Call<unknown, Query>, asked: Range): Looked | Promise<Looked> {
  const { actor, status = "accepted" } = call.query
  if (status !== "accepted") return { searched: asked, events: none() }
  return actor === undefined ? nearest(call, asked) : byActor(call, asked)
}

async function* none(): AsyncGenerator<StoredEvent> {}

/** The end of the range where the answer begins. */
function nearest({ api, query, signal }: Call<unknown, Query>, asked: Range): Looked {
  const searched = searchable(asked, query.order, searchLimit)
  return { searched, events: eventsBetween(api, searched.from, searched.to, signal) }
}

async function byActor({ api, query, signal }: Call<unknown, Query>, { from, to }: Range): Promise<Looked> {
  const all = (await api.logTools.index.by(query.actor!, to, signal)).filter((position) => position >= from)
  const left = all.length - actorLimit
  if (left <= 0) return { searched: { from, to }, events: eventsAt(api, all, signal) }
  const asc = query.order === "asc"
  const positions = asc ? all.slice(0, actorLimit) : all.slice(-actorLimit)
  const searched = asc ? { from, to: all[actorLimit]! - 1 } : { from: all[left - 1]! + 1, to }
  return { searched, events: eventsAt(api, positions, signal) }
}

/** Commands without events of the time that positions cover. */
async function othersIn(
  call: Call<unknown, Query>,
  { from, to }: Range,
  head: number,
  wanted: (entry: AuditEntry) => boolean,
): Promise<Others> {
  if (to < from) return { found: [], reached: undefined }
  const at = async (position: number) => ((await call.api.store.read(position - 1, 1)) as StoredEvent[])[0]?.meta.at
  const [begin, end] = [from === 1 ? undefined : await at(from), to === head ? undefined : await at(to)]
  const { since, until, order } = call.query
  return othersBetween(call, { begin: later(begin, since), end: earlier(end, until), order }, wanted)
}

function later(at: string | undefined, since: string | undefined): string | undefined {
  if (since === undefined) return at
  const other = new Date(since).toISOString()
  return at === undefined || other > at ? other : at
}

function earlier(at: string | undefined, until: string | undefined): string | undefined {
  if (until === undefined) return at
  const other = new Date(until).toISOString()
  return at === undefined || other < at ? other : at
}

function settled(entry: AuditEntry): Unexplained {
  return { entry, command: "" }
}

type Test = (entry: AuditEntry) => boolean

function matching(tests: readonly Test[]): Test {
  return (entry) => tests.every((test) => test(entry))
}

/** What is known of every entry. */
function atOnce({ actor, command, status, code, since, until }: Query): readonly Test[] {
  return [
    ...(actor === undefined ? [] : [(entry: AuditEntry) => entry.actor === actor]),
    ...(command === undefined ? [] : [(entry: AuditEntry) => entry.command === command]),
    ...(status === undefined ? [] : [(entry: AuditEntry) => entry.status === status]),
    ...(code === undefined ? [] : [(entry: AuditEntry) => entry.code === code]),
    ...(since === undefined ? [] : [(entry: AuditEntry) => Date.parse(entry.at) >= Date.parse(since)]),
    ...(until === undefined ? [] : [(entry: AuditEntry) => Date.parse(entry.at) <= Date.parse(until)]),
  ]
}

/** What is known of a refused one only with its command. */
function byCommand({ object, ip }: Query): readonly Test[] {
  const about = (name: string) => name === object || name.startsWith(`${object}/`)
  return [
    ...(object === undefined ? [] : [(entry: AuditEntry) => entry.objects.some(about)]),
    ...(ip === undefined ? [] : [(entry: AuditEntry) => entry.ip === ip]),
  ]
}

/** Endpoints about who asked for what. */
export const auditEndpoints = [audit]
