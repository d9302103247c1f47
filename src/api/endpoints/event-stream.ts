import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { EventView } from "../../projections/views/event.ts"
import type { EventSubscription } from "../event-subscriptions.ts"
import { GatehouseError } from "../../errors.ts"
import { aggregates } from "../../events/event.ts"
import { eventStreamPath } from "../event-stream-path.ts"
import { eventSource } from "../event-source.ts"
import { seenBy } from "../event-stream.ts"
import { integer } from "../list.ts"
import { patience } from "../write.ts"

const maxPosition = 999_999_999_999_999
const eventTypes = new Set(Object.values(aggregates).flatMap(({ events }) => Object.keys(events)))
const kinds = new Set(Object.keys(aggregates))

/** Values between commas. @param known says whether a value can match anything */
function values(description: string, known: (value: string) => boolean = () => true) {
  return z
    .string()
    .min(1)
    .max(2048)
    .transform((text, context) => {
      const items = text.split(",").map((item) => item.trim())
      const unknown = items.find((item) => item === "" || !known(item))
      if (unknown !== undefined)
        context.addIssue({ code: "custom", message: `${JSON.stringify(unknown.slice(0, 80))} is not known` })
      return items
    })
    .optional()
    .meta({ type: "string", description })
}

/** Which events a subscriber wants, in a query. */
const Filter = z.strictObject({
  type: values("Types, between commas.", (type) => eventTypes.has(type)),
  aggregate: values("Kinds, or kind/id, between commas.", (name) => kinds.has(name.split("/")[0]!)),
  name: values("Ids of aggregates of any kind, for example host names, between commas."),
  actor: values("Names of who caused it, between commas."),
  command_id: z.string().max(64).optional(),
})

const Query = Filter.extend({
  from: integer(1, maxPosition, undefined).describe("First position; without it, what happens from now on."),
})

type StreamCall = Pick<Call<unknown, z.output<typeof Query>>, "api" | "caller" | "query" | "lastEventId">

/**
 * Opens the subscription that a request asks for.
 * @throws GatehouseError `validation_failed`; `projection_behind` for a position that this node has not seen: another node may
 * be ahead, and a log that was rolled back must not look like one in which nothing happens
 */
export async function openSubscription(call: StreamCall): Promise<EventSubscription> {
  const { api, caller, query, lastEventId } = call
  const after = seenBy(lastEventId, query.from) ?? api.projections.world.position
  if (!(await api.projections.reached(after, patience)))
    throw new GatehouseError("projection_behind", `this node is at position ${api.projections.world.position}`, {
      retryAfter: 1,
    })
  const { type, aggregate, name, actor, command_id } = query
  const filter = { types: type, aggregates: aggregate, names: name, actors: actor, command_id }
  return api.subscriptions.open(caller, { after, filter })
}

/** The events as they come. As a WebSocket, the listener takes the request over before the router sees it. */
export const streamEvents: Endpoint = endpoint({
  method: "GET",
  path: eventStreamPath,
  operationId: "streamEvents",
  tag: "events",
  summary:
    "Follow the log, from a position or from now on: server-sent events, or a WebSocket by Upgrade. Owners get the events of their own objects.",
  who: "any",
  query: Query,
  status: 200,
  response: EventView,
  contentTypes: ["text/event-stream"],
  errors: ["position_archived", "archive_unavailable", "shutting_down"],
  async handler(call) {
    return eventSource(await openSubscription(call), { stallMs: call.api.config.EVENT_STREAM_STALL * 1000 })
  },
})
