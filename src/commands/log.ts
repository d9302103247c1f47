import { ArchivedSegment, Checkpoint, logEvents } from "../events/log.ts"
import { command, equal, fact, requireAdmin } from "./decision.ts"
import { GatehouseError } from "../errors.ts"
import { find } from "../events/world.ts"

const log = () => ({ kind: "log" as const, id: "log" })

/** Segments are recorded one after the other: of two nodes that archive at once, one is refused. */
const RecordSegment = command(ArchivedSegment, log, (segment, world, context) => {
  requireAdmin(context)
  const segments = find(world, "log", "log")?.segments ?? []
  const last = segments.at(-1)
  if (last !== undefined && equal(last, segment)) return { events: [] }
  const next = (last?.last ?? 0) + 1
  if (segment.first !== next || segment.last < segment.first)
    throw new GatehouseError("invalid_state", `the archive goes on at position ${next}, not at ${segment.first}`)
  if (segment.last >= world.position)
    throw new GatehouseError("invalid_state", `the log ends at position ${world.position}`)
  if (last !== undefined && last.hash !== segment.previous)
    throw new GatehouseError("invalid_state", `the segment does not follow from position ${last.last}`)
  return { events: [fact("log", "log", "SegmentArchived", segment)] }
})

const RecordCheckpoint = command(Checkpoint, log, (checkpoint, world, context) => {
  requireAdmin(context)
  const newest = find(world, "log", "log")?.checkpoint?.position ?? 0
  if (checkpoint.position <= newest) return { events: [] }
  if (checkpoint.position > world.position)
    throw new GatehouseError("invalid_state", `the log ends at position ${world.position}`)
  if (checkpoint.position === world.position && checkpoint.hash !== world.hash)
    throw new GatehouseError("invalid_state", `position ${checkpoint.position} has another hash`)
  return { events: [fact("log", "log", "CheckpointSigned", checkpoint)] }
})

const RecordRetry = command(logEvents.DeadLetterRetried, log, (letter, _world, context) => {
  requireAdmin(context)
  return { events: [fact("log", "log", "DeadLetterRetried", letter)] }
})

/** Commands about the log itself. */
export const logCommands = { RecordSegment, RecordCheckpoint, RecordRetry } as const
