import { type AuditTrail, type Decided, type Received, isAfter } from "./audit-trail.ts"
import type { LogArchive, SegmentFile } from "./log-archive.ts"
import type { EventRecord, EventStore } from "./event-store.ts"
import { GatehouseError } from "../errors.ts"
import { pageSize } from "./store-limits.ts"
import { receivedOf } from "./segment.ts"

/**
 * The log of a store and of an archive as one: what was trimmed from the store is read from its segments.
 * `read` and `tail` reject with `archive_unavailable` when a segment is needed that this node does not have.
 */
export function archivedStore(store: EventStore, archive: LogArchive): EventStore {
  const read = async (from: number, limit: number): Promise<EventRecord[]> => {
    // Whoever asks for what stands before the first position gets the first.
    const after = Math.max(from, 0)
    const page = await store.read(after, limit)
    const next = page[0]?.position
    if (next === undefined || next === after + 1) return page
    const archived = await archive.read(after, Math.min(limit, pageSize, next - 1 - after))
    if (archived.length > 0) return [...archived]
    const [first] = await store.read(0, 1)
    // A hole further on is not one that trimming leaves.
    if (first?.position !== next) return page
    throw new GatehouseError(
      "archive_unavailable",
      `position ${after + 1} is in the archive, and ${archive.folder} has no segment with it`,
    )
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
  const after = async <T>(
    stream: Stream,
    cursor: string,
    limit: number,
    entriesOf: (file: SegmentFile) => Promise<readonly T[]>,
    idOf: (entry: T) => string,
    rest: () => Promise<T[]>,
  ): Promise<T[]> => {
    const file = await firstHolding(await archive.files(), stream, ({ last }) => isAfter(last, cursor))
    if (file === undefined) return rest()
    return (await entriesOf(file)).filter((entry) => isAfter(idOf(entry), cursor)).slice(0, Math.min(limit, pageSize))
  }
  const commandsOf = async (file: SegmentFile): Promise<Received[]> =>
    (await archive.load(file)).commands.map(receivedOf)
  const decisionsOf = async (file: SegmentFile): Promise<readonly Decided[]> => (await archive.load(file)).decisions

  return {
    undecided: trail.undecided,
    commands: (cursor, limit) =>
      after(
        "commands",
        cursor,
        limit,
        commandsOf,
        ({ entry }) => entry,
        () => trail.commands(cursor, limit),
      ),
    decisions: (cursor, limit) =>
      after(
        "decisions",
        cursor,
        limit,
        decisionsOf,
        ({ id }) => id,
        () => trail.decisions(cursor, limit),
      ),
    async command(entry) {
      const here = await trail.command(entry)
      if (here !== undefined) return here
      const holds = ({ first, last }: Span) => !isAfter(first, entry) && !isAfter(entry, last)
      const file = await firstHolding(await archive.files(), "commands", holds)
      return file && (await commandsOf(file)).find((command) => command.entry === entry)
    },
    async decisionsBefore(before, limit) {
      const here = await trail.decisionsBefore(before, limit)
      if (here.length > 0) return here
      const holds = ({ first }: Span) => before === "+" || isAfter(before, first)
      const file = await firstHolding((await archive.files()).toReversed(), "decisions", holds)
      if (file === undefined) return []
      const older = (await decisionsOf(file)).filter(({ id }) => before === "+" || isAfter(before, id))
      return older.slice(-Math.min(limit, pageSize)).toReversed()
    },
  }
}
