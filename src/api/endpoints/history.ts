import * as z from "zod"
import { type Kind, aggregates } from "../../events/event.ts"
import { EventView, eventView, isAboutOwned } from "../../projections/views/event.ts"
import { listOf, listQuery, pagination } from "../list.ts"
import { FieldChangeView } from "./log-state.ts"
import { GatehouseError } from "../../errors.ts"
import type { StoredEvent } from "../../events/envelope.ts"
import { endpoint } from "../endpoint.ts"
import { eventsAt } from "../scan.ts"
import { fieldChanges } from "../../projections/state-diff.ts"

/** Events of one object that are kept while its life is read; the newest. */
const most = 10_000

const kinds = Object.keys(aggregates) as [Kind, ...Kind[]]

const history = endpoint({
  method: "GET",
  path: "/api/v1/history",
  operationId: "getHistory",
  tag: "events",
  summary:
    "Show the life of one object, from the first event on: who did what, from where, why, and what changed by it.",
  who: "any",
  query: listQuery(["position"]).extend({
    kind: z.enum(kinds),
    name: z.string().min(1).max(2048).describe("Name or id."),
  }),
  status: 200,
  deadline: 120,
  response: listOf("events", EventView.extend({ changes: z.array(FieldChangeView) })),
  errors: ["not_found", "position_archived", "archive_unavailable"],
  async handler(call) {
    const { api, caller, query, signal } = call
    const { world } = api.projections
    const id = query.kind === "signing-key" || query.kind === "grant" ? query.name : query.name.toLowerCase()
    const visible = (event: StoredEvent) => caller.admin || isAboutOwned(event, caller.token, world)
    // Whoever may not see any of it learns nothing, and costs nothing.
    const ids = new Set([query.name, id])
    if (!caller.admin && !owns(query.kind, ids, call))
      throw new GatehouseError("not_found", "nothing of yours has that name")
    const { evolve } = aggregates[query.kind] as unknown as {
      evolve: (state: unknown, event: StoredEvent, at: string) => unknown
    }
    const states = new Map<string, unknown>()
    const found: { event: StoredEvent; before: unknown; after: unknown }[] = []
    let total = 0
    const positions = await api.logTools.index.about(query.kind, ids, world.position, signal)
    for await (const event of eventsAt(api, positions, signal)) {
      if (event.kind !== query.kind || !ids.has(event.id)) continue
      const before = states.get(event.id)
      const after = evolve(before, event, event.meta.at)
      states.set(event.id, after)
      if (!visible(event)) continue
      total += 1
      found.push({ event, before, after })
      if (found.length > most) found.shift()
    }
    if (total === 0) throw new GatehouseError("not_found", `the log tells of no ${query.kind} ${query.name}`)
    const sorted = query.order === "asc" ? found : found.toReversed()
    const from = (query.page - 1) * query.per_page
    return {
      body: {
        events: sorted.slice(from, from + query.per_page).map(({ event, before, after }) => ({
          ...eventView(event, caller.admin),
          changes: fieldChanges(before, after),
        })),
        pagination: pagination(found.length, query),
      },
    }
  },
})

function owns(
  kind: Kind,
  ids: ReadonlySet<string>,
  { api, caller }: { api: { projections: { world: { objects: object } } }; caller: { token: string } },
): boolean {
  const objects = (
    api.projections.world.objects as Readonly<Record<Kind, ReadonlyMap<string, { state: { owner?: unknown } }>>>
  )[kind]
  return [...ids].some((id) => {
    const state = objects.get(id)?.state
    return state !== undefined && (kind === "api-token" ? id === caller.token : state.owner === caller.token)
  })
}

/** Endpoints about the life of one object. */
export const historyEndpoints = [history]
