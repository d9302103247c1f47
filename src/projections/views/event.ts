import * as z from "zod"
import type { StoredEvent } from "../../events/envelope.ts"
import { type World, find } from "../../events/world.ts"
import type { Kind } from "../../events/event.ts"

/** An event of the log. */
export const EventView = z
  .strictObject({
    position: z.int(),
    type: z.string(),
    version: z.int().describe("Of the data's schema."),
    aggregate: z.string().describe("Kind and id, for example proxy/mcp.example.com."),
    actor: z.string(),
    at: z.string(),
    command_id: z.string(),
    command: z.string().describe("Type of the command."),
    correlation_id: z.string().describe("Shared by all that one request set in motion."),
    causation: z.int().optional().describe("Position of the event that a worker reacted to."),
    reason: z.string().optional().describe("Why, in the words of whoever asked for it."),
    data: z.unknown(),
    hash: z.string(),
    ip: z.string().optional().describe("Address of the caller; administrators only."),
    request_id: z.string().optional().describe("Administrators only."),
  })
  .meta({ id: "Event" })

/** View of an event. @param audit with address and request id */
export function eventView(event: StoredEvent, audit: boolean): z.infer<typeof EventView> {
  const { meta } = event
  return {
    position: event.position,
    type: event.type,
    version: event.schema,
    aggregate: aggregateName(event),
    actor: meta.actor.name,
    at: meta.at,
    command_id: meta.command_id,
    command: meta.command,
    correlation_id: meta.correlation_id,
    ...(meta.causation !== undefined && { causation: meta.causation }),
    ...(meta.reason !== undefined && { reason: meta.reason }),
    data: event.data,
    hash: event.hash,
    ...(audit && meta.ip !== undefined && { ip: meta.ip }),
    ...(audit && meta.request_id !== undefined && { request_id: meta.request_id }),
  }
}

/** `kind/id` of the aggregate that an event is about. */
export function aggregateName({ kind, id }: Pick<StoredEvent, "kind" | "id">): string {
  return `${kind}/${id}`
}

/**
 * Is an event about something that is this owner's now? Only since the object exists: a name may have belonged to somebody else
 * before.
 * @param owner id of an API token
 */
export function isAboutOwned(event: StoredEvent, owner: string, world: World): boolean {
  const kind = event.kind as Kind
  const state = find(world, kind, event.id) as { owner?: string | null; created_at?: string } | undefined
  if (state?.created_at === undefined || event.meta.at < state.created_at) return false
  return kind === "api-token" ? event.id === owner : state.owner === owner
}
