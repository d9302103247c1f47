import * as z from "zod"
import { type Answer, type Call, type Endpoint, endpoint } from "../endpoint.ts"
import { EventView, eventView } from "../../projections/views/event.ts"
import { FieldChangeView, ObjectChangeView } from "./log-state.ts"
import { parseBody, parseParams, parseQuery } from "../validate.ts"
import { GatehouseError } from "../../errors.ts"
import { accessLosses } from "../../projections/access-loss.ts"
import { completeWorld } from "../complete-world.ts"
import { type World, find, fork } from "../../events/world.ts"
import { routingChanges } from "../../projections/routing.ts"
import { type Step, trial } from "../what-if/trial.ts"
import { worldChanges } from "../../projections/state-diff.ts"

/** Most of anything that an answer lists. */
const most = 1000
/** Most operations after the first. */
const mostSteps = 49

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
    operations: z.array(z.string()).describe("All that were asked for, in order."),
    position: z.int().describe("State that it was tried on."),
    refused: z
      .strictObject({ operation: z.string(), status: z.int(), code: z.string(), detail: z.string() })
      .nullable()
      .describe("Which would be refused, and why; null when none would. Those after it were not tried."),
    answer: z
      .strictObject({ status: z.int(), body: z.unknown() })
      .nullable()
      .describe(
        "What the last would be answered with; null when it would be refused, and body null when it holds a secret.",
      ),
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

const Operation = z.strictObject({
  operation: z.string().max(64).describe("Operation id of a change, for example deleteProxy."),
  params: z.record(z.string(), z.string().max(2048)).default({}),
  query: z.record(z.string(), z.string().max(2048)).default({}),
  body: z.unknown().optional(),
  as: z.string().max(64).optional().describe("Name of the token whose rights count; the caller's own when left out."),
})
type Operation = z.output<typeof Operation>

/**
 * Endpoint that tries operations of the table.
 * @param operations the table, known once it is whole
 */
export function whatIfEndpoint(operations: () => readonly Endpoint[]): Endpoint {
  return endpoint({
    method: "POST",
    path: "/api/v1/log/whatif",
    operationId: "whatIf",
    tag: "log",
    summary:
      "Try a change, or several in a row, without making them, now or on an earlier state: events, what differs, who would lose access.",
    who: "admin",
    body: Operation.extend({
      next: z
        .array(Operation)
        .max(mostSteps)
        .default([])
        .describe("Further operations, each on what the one before has left."),
      at: z
        .int()
        .min(0)
        .max(999_999_999_999_999)
        .optional()
        .describe("Position of the state to try it on; now when left out."),
    }),
    status: 200,
    deadline: 300,
    response: WhatIf,
    errors: ["not_found", "projection_incomplete"],
    async handler(call) {
      const { next, at, ...first } = call.body
      const asked = [first, ...next]
      // A read says something new on another state, or after something.
      const reads = at !== undefined || next.length > 0
      const steps = asked.map((one): Step => {
        const found = operations().find(({ operationId }) => operationId === one.operation)
        if (found === undefined || found.operationId === "whatIf" || (found.method === "GET" && !reads))
          throw new GatehouseError("not_found", `there is no change named ${one.operation}`)
        return { endpoint: found, request: (world) => requestOf(found, one, call, world) }
      })
      await completeWorld(call.api)
      const { api, signal } = call
      // The world goes on while others are served.
      const before =
        at === undefined ? fork(api.projections.world) : await api.logTools.past.at({ position: at }, signal)
      const { position } = before
      const { after, events, refused, answer } = await trial(api, steps, before)
      const body = {
        operation: first.operation,
        operations: asked.map(({ operation }) => operation),
        position,
        refused,
        answer: answer === undefined ? null : shown(answer, steps.at(-1)!.endpoint),
        events: events.slice(0, most).map((event) => eventView(event, true)),
        changes: worldChanges(before, after).slice(0, most),
        routing: await routingChanges(before, after, most, signal),
        access: await accessLosses(before, after, api.config, most, signal),
      }
      return { body }
    },
  })
}

/** Secrets that a trial made are worth nothing, but look as if they were. */
function shown({ status, body, secret }: Answer, endpoint: Endpoint) {
  return { status: status ?? endpoint.status, body: secret === true ? null : (body ?? null) }
}

/** The request as that endpoint would get it. @throws GatehouseError as it would be refused before its handler */
function requestOf(wanted: Endpoint, { params, query, body, as }: Operation, call: Call, world: World): Call {
  const caller = as === undefined ? call.caller : callerNamed(as, world)
  if (wanted.who === "admin" && !caller.admin) throw new GatehouseError("admin_required")
  const encoded = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, encodeURIComponent(value)]))
  // Nothing happens in a trial that could be waited for.
  const { wait: _, ...unwaited } = query
  return {
    ...call,
    caller,
    params: parseParams(wanted, encoded),
    query: parseQuery(wanted, new URLSearchParams(wanted.method === "GET" ? unwaited : query)),
    body: parseBody(wanted, body),
    idempotencyKey: undefined,
    ifMatch: undefined,
    // Nor by a change that waits for its effect.
    signal: AbortSignal.abort(),
  }
}

function callerNamed(name: string, world: World): Call["caller"] {
  const id = name.toLowerCase()
  const token = find(world, "api-token", id)
  if (token === undefined) throw new GatehouseError("not_found", `there is no token ${name}`)
  return { token: id, name: token.name, admin: token.is_admin, hash: token.hash }
}
