import { type AuditTrail, isAfter } from "./audit-trail.ts"
import type { LogArchive } from "./log-archive.ts"
import type { SegmentFile } from "./segment.ts"
import type { EventRecord, EventStore } from "./event-store.ts"
import { GatehouseError } from "../errors.ts"
import type { Lines } from "./segment-lines.ts"
import { pageSize } from "./store-limits.ts"
import { receivedOf } from "./segment.ts"

/**
 * The log of a store and of an archive as one: what was trimmed from the store is read from its segments.
 * `read` and `tail` reject with `archive_unavailable` when a segment is needed that this node does not have, and with
 * `position_archived` for what is before the first that it has.
 */
export function archivedStore(store: EventStore, archive: LogArchive): EventStore {
  /** What stood in the store from here on, when it was looked at last; it is only ever trimmed further. */
  let begins = 1
  const read = async (from: number, limit: number): Promise<EventRecord[]> => {
    // Whoever asks for what stands before the first position gets the first.
    const after = Math.max(from, 0)
    if (after + 1 < begins) {
      const archived = await archive.read(after, Math.min(limit, pageSize, begins - 1 - after))
      if (archived.length > 0) return [...archived]
    }
    const page = await store.read(after, limit)
    const next = page[0]?.position
    if (next === undefined || next === after + 1) return page
    const archived = await archive.read(after, Math.min(limit, pageSize, next - 1 - after))
    const [first] = await store.read(0, 1)
    if (first?.position === next) begins = next
    if (archived.length > 0) return [...archived]
    // A hole further on is not one that trimming leaves.
    if (first?.position !== next) return page
    throw await missing(archive, after + 1)
  }
  return {
    ...store,
    read,
    async tail(events, outcomes, blockMs) {
      const news = await store.tail(events, outcomes, blockMs)
      const next = news.events[0]?.position
      return next === undefined || next === events + 1 ? news : { ...news, events: await read(events, pageSize) }
    },
  }
}

/** Is it an answer of the archive, that what is asked for cannot be read on this node? */
export function isArchiveMissing(error: unknown): error is GatehouseError {
  return error instanceof GatehouseError && (error.code === "archive_unavailable" || error.code === "position_archived")
}

/** Older segments that were taken away do not come back by themselves; a folder that is not there may. */
async function missing(archive: LogArchive, position: number): Promise<GatehouseError> {
  const [oldest] = await archive.files()
  return oldest !== undefined && position < oldest.first
    ? new GatehouseError(
        "position_archived",
        `position ${position} is gone: the archive of this node begins with ${oldest.first}`,
      )
    : new GatehouseError(
        "archive_unavailable",
        `position ${position} is in the archive, and no segment on this node has it`,
      )
}

/** Commands and decisions of a trail and of an archive as one. */
export function archivedTrail(trail: AuditTrail, archive: LogArchive): AuditTrail {
  type Stream = "commands" | "decisions"
  type Span = { readonly first: string; readonly last: string }
  /** The first of these segments that holds such entries of a stream. */
  const firstHolding = async (files: readonly SegmentFile[], stream: Stream, holds: (span: Span) => boolean) => {
    for (const file of files) {
      const span = (await archive.header(file))[stream]
      if (span.count > 0 && holds(span)) return file
    }
    return undefined
  }
  /** The first segment with something after an entry. */
  const holdingAfter = async (stream: Stream, cursor: string) =>
    firstHolding(await archive.files(), stream, ({ last }) => isAfter(last, cursor))
  /** A page of lines after an entry. */
  const pageAfter = <T>(lines: Lines<T>, idOf: (entry: T) => string, cursor: string, limit: number): T[] => {
    const first = lines.firstThat((line) => isAfter(idOf(line), cursor))
    return lines.slice(first, first + Math.min(limit, pageSize))
  }

  return {
    undecided: trail.undecided,
    async commands(cursor, limit) {
      const file = await holdingAfter("commands", cursor)
      if (file === undefined) return trail.commands(cursor, limit)
      const { commands } = await archive.load(file)
      return pageAfter(commands, ({ entry }) => entry, cursor, limit).map(receivedOf)
    },
    async decisions(cursor, limit) {
      const file = await holdingAfter("decisions", cursor)
      if (file === undefined) return trail.decisions(cursor, limit)
      return pageAfter((await archive.load(file)).decisions, ({ id }) => id, cursor, limit)
    },
    async command(entry) {
      const here = await trail.command(entry)
      if (here !== undefined) return here
      const holds = ({ first, last }: Span) => !isAfter(first, entry) && !isAfter(entry, last)
      const file = await firstHolding(await archive.files(), "commands", holds)
      if (file === undefined) return undefined
      const { commands } = await archive.load(file)
      const index = commands.firstThat((command) => !isAfter(entry, command.entry))
      return commands
        .slice(index, index + 1)
        .filter((command) => command.entry === entry)
        .map(receivedOf)[0]
    },
    async decisionsBefore(before, limit) {
      const here = await trail.decisionsBefore(before, limit)
      if (here.length > 0) return here
      const holds = ({ first }: Span) => before === "+" || isAfter(before, first)
      const file = await firstHolding((await archive.files()).toReversed(), "decisions", holds)
      if (file === undefined) return []
      const { decisions } = await archive.load(file)
      const end = before === "+" ? decisions.length : decisions.firstThat(({ id }) => !isAfter(before, id))
      return decisions.slice(end - Math.min(limit, pageSize), end).toReversed()
    },
  }
}
