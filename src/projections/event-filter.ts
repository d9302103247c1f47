import type { StoredEvent } from "../events/envelope.ts"
import type { World } from "../events/world.ts"
import { aggregateName } from "./views/event.ts"

/** Which events a subscriber wants: within a field any of the values, and all fields together. Absent means all. */
export interface EventFilter {
  readonly types?: readonly string[] | undefined
  /** Kinds, or `kind/id`. */
  readonly aggregates?: readonly string[] | undefined
  /** Ids of aggregates of any kind: host names, names of tokens. */
  readonly names?: readonly string[] | undefined
  readonly actors?: readonly string[] | undefined
  readonly command_id?: string | undefined
}

/** Does a subscriber want this event? */
export function wants({ types, aggregates, names, actors, command_id }: EventFilter, event: StoredEvent): boolean {
  return (
    (types === undefined || types.includes(event.type)) &&
    (aggregates === undefined || aggregates.includes(event.kind) || aggregates.includes(aggregateName(event))) &&
    (names === undefined || names.includes(event.id)) &&
    (actors === undefined || actors.includes(event.meta.actor.name)) &&
    (command_id === undefined || event.meta.command_id === command_id)
  )
}

/** Who reads events. */
export interface EventReader {
  /** Id of an API token. */
  readonly token: string
  readonly admin: boolean
}

/**
 * May this reader see the event? An administrator sees all. Others see what was about an object that was theirs, before or after
 * the event, and nothing from before their token existed: its name may have been somebody else's.
 * @param world at the event or later
 */
export function maySeeEvent(event: StoredEvent, { token, admin }: EventReader, world: World): boolean {
  if (admin) return true
  const owner = world.objects["api-token"].get(token)?.state
  if (owner === undefined || event.meta.at < owner.created_at) return false
  return event.meta.owners?.includes(token) === true
}
