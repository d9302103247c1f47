import * as z from "zod"
import { type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { EventView, eventView } from "../../projections/views/event.ts"
import { FieldChangeView, ObjectChangeView } from "./log-state.ts"
import { parseBody, parseParams, parseQuery } from "../validate.ts"
import { GatehouseError } from "../../errors.ts"
import { accessLosses } from "../../projections/access-loss.ts"
import { completeWorld } from "../complete-world.ts"
import { find } from "../../events/world.ts"
import { routingChanges } from "../../projections/routing.ts"
import { trial } from "../what-if/trial.ts"
import { worldChanges } from "../../projections/state-diff.ts"

/** Most of anything that an answer lists. */
const most = 1000

const Loss = z
  .strictObject({
    who: z.enum(["anyone", "user", "token"]),
    name: z.string(),
    client_id: z.string().nullable(),
    host: z.string().nullable(),
    reason: z.string(),
  })
  .meta({ id: "AccessLoss" })

const WhatIf = z
  .strictObject({
    operation: z.string(),
    position: z.int().describe("State that it was tried on."),
    refused: z
      .strictObject({ code: z.string(), detail: z.string() })
      .nullable()
      .describe("Why it would be refused; null when it would not."),
    events: z.array(EventView),
    changes: z.array(ObjectChangeView),
    routing: z
      .array(
        z.strictObject({
          host: z.string(),
          change: z.enum(["added", "removed", "changed"]),
          fields: z.array(FieldChangeView),
        }),
      )
      .describe("What differs in the way that requests take."),
    access: z.array(Loss).describe("Who would lose access. Rules about groups count as refusing."),
  })
  .meta({ id: "WhatIf" })

/**
 * Endpoint that tries an operation of the table.
 * @param operations the table, known once it is whole
 */
export function whatIfEndpoint(operations: () => readonly Endpoint[]): Endpoint {
  return endpoint({
    method: "POST",
    path: "/api/v1/log/whatif",
    operationId: "whatIf",
    tag: "log",
    summary:
      "Try a change without making it, now or on an earlier state: its events, what differs, who would lose access.",
    who: "admin",
    body: z.strictObject({
      operation: z.string().max(64).describe("Operation id of a change, for example deleteProxy."),
      params: z.record(z.string(), z.string().max(2048)).default({}),
      query: z.record(z.string(), z.string().max(2048)).default({}),
      body: z.unknown().optional(),
      at: z
        .int()
        .min(0)
        .max(999_999_999_999_999)
        .optional()
        .describe("Position of the state to try it on; now when left out."),
      as: z
        .string()
        .max(64)
        .optional()
        .describe("Name of the token whose rights count; the caller's own when left out."),
    }),
    status: 200,
    deadline: 300,
    response: WhatIf,
    errors: ["not_found", "projection_incomplete"],
    async handler(call) {
      const { operation, at } = call.body
      const wanted = operations().find(({ operationId, method }) => operationId === operation && method !== "GET")
      if (wanted === undefined || wanted.operationId === "whatIf")
        throw new GatehouseError("not_found", `there is no change named ${operation}`)
      await completeWorld(call.api)
      const { api, signal } = call
      const before = at === undefined ? api.projections.world : await api.logTools.past.at({ position: at }, signal)
      const { position } = before
      const { after, events, refused } = await trial(wanted, requestOf(wanted, call), before)
      const body = {
        operation,
        position,
        refused,
        events: events.slice(0, most).map((event) => eventView(event, true)),
        changes: worldChanges(before, after).slice(0, most),
        routing: routingChanges(before, after).slice(0, most),
        access: accessLosses(before, after, api.config).slice(0, most),
      }
      return { body }
    },
  })
}

/** The request as that endpoint would get it. @throws GatehouseError as it would be refused before its handler */
function requestOf(wanted: Endpoint, call: Call): Call {
  const { params, query, body, as } = call.body as {
    params: Record<string, string>
    query: Record<string, string>
    body?: unknown
    as?: string
  }
  const caller = as === undefined ? call.caller : callerNamed(as, call)
  if (wanted.who === "admin" && !caller.admin) throw new GatehouseError("admin_required")
  const encoded = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, encodeURIComponent(value)]))
  return {
    ...call,
    caller,
    params: parseParams(wanted, encoded),
    query: parseQuery(wanted, new URLSearchParams(query)),
    body: parseBody(wanted, body),
    idempotencyKey: undefined,
    ifMatch: undefined,
  }
}

function callerNamed(name: string, { api }: Call): Call["caller"] {
  const id = name.toLowerCase()
  const token = find(api.projections.world, "api-token", id)
  if (token === undefined) throw new GatehouseError("not_found", `there is no token ${name}`)
  return { token: id, name: token.name, admin: token.is_admin, hash: token.hash }
}
