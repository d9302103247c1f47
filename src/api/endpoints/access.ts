import * as z from "zod"
import { AccessRequest, accessFilter, accessRequest, wantedRequests } from "../access-requests.ts"
import { type Call, endpoint } from "../endpoint.ts"
import { type Range, blocks, pageOf, searchable } from "../search-range.ts"
import { integer, listOf, listQuery, pagination } from "../list.ts"
import { eventStream, seenBy } from "../event-stream.ts"
import { followAccess } from "../access-following.ts"
import { heldLines } from "../held-lines.ts"

const tag = "access"
/** Requests that are in memory at once. */
const pageSize = 1000
/** Requests that one call looks at when it has to filter; more would occupy the node. */
const searchLimit = 20_000
const maxNumber = 999_999_999_999_999

const Query = listQuery(["number"], "desc").extend({
  ...accessFilter,
  from: integer(1, maxNumber, undefined).describe("First number."),
  to: integer(1, maxNumber, undefined).describe("Last number."),
})
type Query = z.output<typeof Query>

const list = endpoint({
  method: "GET",
  path: "/api/v1/access",
  operationId: "listAccess",
  tag,
  summary: `List requests of the public listeners, newest first; owners see those of their own proxies. With a filter at most ${searchLimit} are searched: go on from "searched".`,
  who: "any",
  query: Query,
  status: 200,
  response: listOf("requests", AccessRequest).extend({ searched: z.strictObject({ from: z.int(), to: z.int() }) }),
  async handler(call) {
    const { api, caller, query } = call
    const [oldest, newest] = await Promise.all([api.access.oldest(), api.access.newest()])
    const all: Range = { from: Math.max(query.from ?? 1, oldest), to: Math.min(query.to ?? maxNumber, newest) }
    const wanted = wantedRequests(api, caller, query)
    const searched = wanted === undefined ? all : searchable(all, query.order, searchLimit)
    const { requests, total } = wanted === undefined ? await readPage(call, all) : await search(call, searched, wanted)
    return { body: { requests, pagination: pagination(total, query), searched } }
  },
})

/** Numbers are contiguous: the page's are known without reading anything else. */
async function readPage({ api, query }: Call<unknown, Query>, range: Range) {
  const { page, per_page, order } = query
  const { from, to } = pageOf(range, order, (page - 1) * per_page, per_page)
  const requests = (await api.access.read(from, to)).map(accessRequest)
  return {
    requests: order === "asc" ? requests : requests.toReversed(),
    total: Math.max(0, range.to - range.from + 1),
  }
}

async function search(call: Call<unknown, Query>, range: Range, wanted: (request: AccessRequest) => boolean) {
  const { api, signal } = call
  const { page, per_page, order } = call.query
  const skip = (page - 1) * per_page
  const requests: AccessRequest[] = []
  let total = 0
  for (const { from, to } of blocks(range, order, pageSize)) {
    signal.throwIfAborted()
    const block = (await api.access.read(from, to)).map(accessRequest).filter(wanted)
    for (const request of order === "asc" ? block : block.toReversed()) {
      if (total >= skip && requests.length < per_page) requests.push(request)
      total += 1
    }
  }
  return { requests, total }
}

const stream = endpoint({
  method: "GET",
  path: "/api/v1/access/stream",
  operationId: "streamAccess",
  tag,
  summary:
    "Follow requests of the public listeners as they end, from a number or from now on: server-sent events. Owners get those of their own proxies.",
  who: "any",
  query: z.strictObject({
    ...accessFilter,
    from: integer(1, maxNumber, undefined).describe("First number; without it, what ends from now on."),
  }),
  status: 200,
  response: AccessRequest,
  contentTypes: ["text/event-stream"],
  errors: ["shutting_down"],
  async handler(call) {
    const { api, caller, query, lastEventId } = call
    const newest = await api.access.newest()
    const seen = Math.min(seenBy(lastEventId, query.from) ?? newest, newest)
    const place = api.subscriptions.hold(caller)
    return eventStream(heldLines(place, followAccess(api, place, query, seen)))
  },
})

/** Endpoints about the requests that went through the public listeners. */
export const accessEndpoints = [list, stream]
