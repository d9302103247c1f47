import * as z from "zod"
import { EventView, aggregateName, eventView, isAboutOwned } from "../../projections/views/event.ts"
import { type Range, blocks, pageOf, searchable } from "../search-range.ts"
import { integer, listOf, listQuery, pagination } from "../list.ts"
import type { Caller } from "../caller.ts"
import type { Api, Call } from "../endpoint.ts"
import { GatehouseError } from "../../errors.ts"
import type { StoredEvent } from "../../events/envelope.ts"
import { maySeeEvent } from "../../projections/event-filter.ts"
import { endpoint } from "../endpoint.ts"
import { eventsIn } from "../scan.ts"

const tag = "events"
const pageSize = 1000
/** Events that one call looks at when it has to filter; more would occupy the store for everybody. */
const searchLimit = 20_000
const maxPosition = 999_999_999_999_999

const Query = listQuery(["position"], "desc").extend({
  type: z.string().max(64).optional(),
  aggregate: z.string().max(512).optional().describe("Kind, or kind/id."),
  actor: z.string().max(128).optional(),
  command_id: z.string().max(64).optional(),
  from: integer(1, maxPosition, undefined).describe("First position."),
  to: integer(1, maxPosition, undefined).describe("Last position."),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
})

type Filter = (event: StoredEvent) => boolean

/** What the caller may see and asked for; undefined when that is everything. */
function filterOf({ api, caller }: Call, query: z.output<typeof Query>): Filter | undefined {
  const { type, aggregate, actor, command_id, since, until } = query
  const at = (event: StoredEvent) => Date.parse(event.meta.at)
  const filters: Filter[] = []
  if (!caller.admin) filters.push((event) => isShown(event, api, caller))
  if (type !== undefined) filters.push((event) => event.type === type)
  if (aggregate !== undefined) filters.push((event) => event.kind === aggregate || aggregateName(event) === aggregate)
  if (actor !== undefined) filters.push((event) => event.meta.actor.name === actor)
  if (command_id !== undefined) filters.push((event) => event.meta.command_id === command_id)
  if (since !== undefined) filters.push((event) => at(event) >= Date.parse(since))
  if (until !== undefined) filters.push((event) => at(event) <= Date.parse(until))
  return filters.length === 0 ? undefined : (event) => filters.every((filter) => filter(event))
}

/** Owners see what was about their objects when it happened, and the whole life of the objects that they have now. */
function isShown(event: StoredEvent, { projections: { world } }: Api, caller: Caller): boolean {
  return maySeeEvent(event, caller, world) || isAboutOwned(event, caller.token, world)
}

const listEvents = endpoint({
  method: "GET",
  path: "/api/v1/events",
  operationId: "listEvents",
  tag,
  summary: `List events; owners see those of their own objects. With a filter at most ${searchLimit} positions are searched: go on from "searched".`,
  who: "any",
  query: Query,
  status: 200,
  response: listOf("events", EventView).extend({ searched: z.strictObject({ from: z.int(), to: z.int() }) }),
  errors: ["position_archived", "archive_unavailable"],
  async handler(call) {
    const { api, query } = call
    const all: Range = { from: query.from ?? 1, to: Math.min(query.to ?? maxPosition, api.projections.world.position) }
    const filter = filterOf(call, query)
    const searched = filter === undefined ? all : searchable(all, query.order, searchLimit)
    const skip = (query.page - 1) * query.per_page
    const { events, total } =
      filter === undefined ? await readPage(call, all, skip, query) : await search(call, searched, filter, skip, query)
    return {
      body: {
        events: events.map((event) => eventView(event, call.caller.admin)),
        pagination: pagination(total, query),
        searched,
      },
    }
  },
})

type PageQuery = Pick<z.output<typeof Query>, "per_page" | "order">

/** Positions are contiguous: the page's are known without reading anything else. */
async function readPage({ api }: Call, range: Range, skip: number, { per_page, order }: PageQuery) {
  const total = Math.max(0, range.to - range.from + 1)
  const { from, to } = pageOf(range, order, skip, per_page)
  if (to < from) return { events: [], total }
  const events = await eventsIn(api, from, to)
  return { events: order === "asc" ? events : events.toReversed(), total }
}

async function search(call: Call, range: Range, filter: Filter, skip: number, { per_page, order }: PageQuery) {
  const events: StoredEvent[] = []
  let total = 0
  for (const block of blocks(range, order, pageSize)) {
    if (call.signal.aborted) break
    const read = await eventsIn(call.api, block.from, block.to)
    for (const event of order === "asc" ? read : read.toReversed()) {
      if (!filter(event)) continue
      if (total >= skip && events.length < per_page) events.push(event)
      total += 1
    }
  }
  return { events, total }
}

const showEvent = endpoint({
  method: "GET",
  path: "/api/v1/events/{position}",
  operationId: "getEvent",
  tag,
  summary: "Show one event.",
  who: "any",
  params: z.strictObject({ position: integer(1, maxPosition, undefined) }),
  status: 200,
  response: EventView,
  errors: ["not_owner", "position_archived", "archive_unavailable"],
  async handler(call) {
    const { api, caller, params } = call
    const [event] = (await api.store.read(params.position! - 1, 1)) as StoredEvent[]
    if (event === undefined || event.position !== params.position)
      throw new GatehouseError("not_found", "the log does not reach that position")
    if (!isShown(event, api, caller)) throw new GatehouseError("not_owner")
    return { body: eventView(event, caller.admin), version: event.position }
  },
})

/** Endpoints about the log. */
export const eventEndpoints = [listEvents, showEvent]
