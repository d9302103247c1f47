import * as z from "zod"
import { flag, integer } from "../list.ts"
import { GatehouseError } from "../../errors.ts"
import { gave } from "../access.ts"
import type { Call } from "../endpoint.ts"
import type { Outcome } from "../../platform/event-store.ts"
import { endpoint } from "../endpoint.ts"
import { setTimeout as delay } from "node:timers/promises"

const CommandView = z
  .strictObject({
    command_id: z.string(),
    type: z.string(),
    status: z.enum(["queued", "accepted", "rejected", "dead"]),
    position: z.int().nullable().describe("Of its last event."),
    result: z.unknown(),
    code: z.string().nullable(),
    detail: z.string().nullable(),
    submitted_at: z.string(),
    decided_at: z.string().nullable(),
  })
  .meta({ id: "Command" })

/** Outcome of a command for who submitted it, or an administrator. @throws GatehouseError `not_found`, `not_owner` */
async function visibleOutcome(call: Call, id: string): Promise<Outcome> {
  const { api, caller } = call
  const outcome = await api.store.outcome(id)
  if (outcome === undefined)
    throw new GatehouseError("not_found", "there is no such command, or its outcome has expired")
  if (!caller.admin && !gave(call, outcome)) throw new GatehouseError("not_owner")
  return outcome
}

const showCommand = endpoint({
  method: "GET",
  path: "/api/v1/commands/{id}",
  operationId: "getCommand",
  tag: "commands",
  summary: "Show what became of a command; with wait, once it is decided.",
  who: "any",
  params: z.strictObject({ id: z.uuid() }),
  query: z.strictObject({ wait: flag(false), timeout: integer(0, 600, 30) }),
  status: 200,
  response: CommandView,
  errors: ["not_owner"],
  async handler(call) {
    const { params, query, signal } = call
    const deadline = performance.now() + query.timeout * 1000
    let outcome = await visibleOutcome(call, params.id)
    while (query.wait && outcome.status === "queued" && performance.now() < deadline && !signal.aborted) {
      await delay(100)
      outcome = await visibleOutcome(call, params.id)
    }
    return {
      body: {
        command_id: outcome.command_id,
        type: outcome.type,
        status: outcome.status,
        position: outcome.position ?? null,
        result: outcome.result ?? null,
        code: outcome.code ?? null,
        detail: outcome.detail ?? null,
        submitted_at: outcome.submitted_at,
        decided_at: outcome.decided_at ?? null,
      },
    }
  },
})

/** Endpoints about commands. */
export const commandEndpoints = [showCommand]
