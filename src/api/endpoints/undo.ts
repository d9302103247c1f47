import * as z from "zod"
import { flag, integer } from "../list.ts"
import { EventView, eventView } from "../../projections/views/event.ts"
import type { Step } from "../configuration/plan.ts"
import { carryOut } from "../configuration/carry-out.ts"
import { completeWorld } from "../complete-world.ts"
import { endpoint } from "../endpoint.ts"
import { reversal } from "../undo/reversal.ts"

const Done = z
  .strictObject({
    kind: z.string(),
    name: z.string(),
    action: z.enum(["create", "update", "delete"]),
    commands: z.array(z.string()).describe("Types of the commands, in order."),
    changes: z.array(z.strictObject({ field: z.string(), from: z.unknown(), to: z.unknown() })),
  })
  .meta({ id: "UndoStep" })

const undo = endpoint({
  method: "POST",
  path: "/api/v1/log/undo/{position}",
  operationId: "undoChange",
  tag: "log",
  summary:
    "Bring the objects of the command at a position back to what they were before it, by further commands; unless dry_run=false only propose them.",
  who: "admin",
  params: z.strictObject({ position: integer(1, 999_999_999_999_999, undefined) }),
  query: z.strictObject({ dry_run: flag(true) }),
  status: 200,
  deadline: 300,
  response: z
    .strictObject({
      dry_run: z.boolean(),
      events: z.array(EventView).describe("What the command did."),
      steps: z.array(Done).describe("What would be done, or was done."),
      cannot: z.array(z.string()).describe("What stays as it is."),
      errors: z.array(z.strictObject({ kind: z.string(), name: z.string(), code: z.string(), detail: z.string() })),
      position: z.int(),
    })
    .meta({ id: "UndoReport" }),
  errors: ["not_found", "projection_incomplete", "concurrent_change"],
  async handler(call) {
    const { api, query, params } = call
    await completeWorld(api)
    const { events, plan, cannot } = await reversal(call, params.position!)
    const explained = { ...call, reason: call.reason ?? `undo of position ${params.position}` }
    const possible = plan.errors.length === 0
    const ownHost = api.config.oauthAuthority.replace(/:\d+$/, "")
    const carried = query.dry_run || !possible ? undefined : await carryOut(explained, plan.steps, ownHost)
    const steps = query.dry_run || !possible ? plan.steps : carried!.done
    const errors = carried?.error === undefined ? plan.errors : [carried.error]
    const { position } = api.projections.world
    return {
      body: {
        dry_run: query.dry_run,
        events: events.map((event) => eventView(event, true)),
        steps: steps.map(shown),
        cannot,
        errors,
        position,
      },
      position,
    }
  },
})

function shown({ kind, name, action, commands, changes }: Step) {
  return { kind, name, action, commands: commands.map(({ intent }) => intent.type), changes }
}

/** Endpoints that take changes back. */
export const undoEndpoints = [undo]
