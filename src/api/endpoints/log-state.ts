import * as z from "zod"
import { type Call, endpoint } from "../endpoint.ts"
import { listOf, listPage, listQuery } from "../list.ts"
import { DigestView } from "./digest.ts"
import type { Moment } from "../../projections/replay.ts"
import type { World } from "../../events/world.ts"
import { digests } from "../../projections/digest.ts"
import { worldChanges } from "../../projections/state-diff.ts"

const tag = "log"
/** Folding the log from its start takes some microseconds an event; seconds. */
const deadline = 300

/** A position of the log, or an instant. */
const When = z
  .string()
  .refine((text) => /^\d{1,15}$/.test(text) || z.iso.datetime({ offset: true }).safeParse(text).success, {
    message: "must be a position, or an instant such as 2026-01-31T14:03:00Z",
  })
  .meta({ examples: ["120", "2026-01-31T14:03:00Z"] })

const filters = {
  kind: z.string().max(64).optional().describe("Only objects of this kind."),
  name: z.string().max(2048).optional().describe("Only the object of this id."),
}
type Filters = { readonly kind?: string | undefined; readonly name?: string | undefined }

function wanted({ kind, name }: Filters): (one: { readonly kind: string; readonly id: string }) => boolean {
  return (one) => (kind === undefined || one.kind === kind) && (name === undefined || one.id === name.toLowerCase())
}

function moment(text: string): Moment {
  return /^\d+$/.test(text) ? { position: Number(text) } : { at: text }
}

async function worldAt({ api, signal }: Pick<Call, "api" | "signal">, text: string): Promise<World> {
  return api.logTools.past.at(moment(text), signal)
}

const ObjectView = z
  .strictObject({
    kind: z.string(),
    id: z.string(),
    version: z.int().describe("Position of its last event."),
    state: z.unknown(),
  })
  .meta({ id: "LoggedObject" })

const replayLog = endpoint({
  method: "GET",
  path: "/api/v1/log/replay",
  operationId: "replayLog",
  tag,
  summary: "Show the state as it was at a position or an instant, folded anew from the log alone.",
  who: "admin",
  query: listQuery(["kind"]).extend({ to: When, ...filters }),
  status: 200,
  deadline,
  response: listOf("objects", ObjectView).extend({ digest: DigestView }),
  errors: ["not_found"],
  async handler(call) {
    const world = await worldAt(call, call.query.to)
    const objects = Object.entries(world.objects).flatMap(([kind, states]) =>
      [...states].map(([id, { version, state }]) => ({ kind, id, version, state: state as unknown })),
    )
    const list = listPage(
      "objects",
      objects.filter(wanted(call.query)),
      call.query,
      ({ kind }) => kind,
      ({ id }) => id,
      (object) => object,
    )
    return { body: { digest: digests(world), ...list } }
  },
})

/** Members of a state that differ. */
export const FieldChangeView = z
  .strictObject({ path: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })
  .meta({ id: "FieldChange" })

/** An object that differs. */
export const ObjectChangeView = z
  .strictObject({
    kind: z.string(),
    id: z.string(),
    change: z.enum(["created", "deleted", "changed"]),
    fields: z.array(FieldChangeView),
  })
  .meta({ id: "ObjectChange" })

const compareLog = endpoint({
  method: "GET",
  path: "/api/v1/log/diff",
  operationId: "compareLog",
  tag,
  summary: "Show what differs between the state at a position or an instant and the state now.",
  who: "admin",
  query: listQuery(["kind"]).extend({ from: When, ...filters }),
  status: 200,
  deadline,
  response: listOf("changes", ObjectChangeView).extend({ from: z.int(), to: z.int() }),
  errors: ["not_found"],
  async handler(call) {
    const before = await worldAt(call, call.query.from)
    const after = call.api.projections.world
    const changes = worldChanges(before, after).filter(wanted(call.query))
    const list = listPage(
      "changes",
      changes,
      call.query,
      ({ kind }) => kind,
      ({ id }) => id,
      (change) => change,
    )
    return { body: { from: before.position, to: after.position, ...list } }
  },
})

/** Endpoints that show what the log led to. */
export const logStateEndpoints = [replayLog, compareLog]
