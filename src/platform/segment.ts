import { constants, gunzip, gunzipSync, gzip } from "node:zlib"
import type { Decided, Received } from "./audit-trail.ts"
import { type Lines, linesOf, textOf } from "./segment-lines.ts"
import type { EventRecord } from "./event-store.ts"
import { hash } from "node:crypto"
import { parseCommand } from "./command-record.ts"
import { promisify } from "node:util"

/** What a segment holds: a run of events, and the commands and decisions that came along with them. */
export interface SegmentContents {
  /** Chain hash before its first event. */
  readonly previous: string
  /** At least one. */
  readonly events: readonly EventRecord[]
  /** Commands as they were received, as text; those of these events and those that were refused meanwhile. */
  readonly commands: readonly RawCommand[]
  readonly decisions: readonly Decided[]
}

/** A command as its entry holds it. */
export interface RawCommand {
  readonly entry: string
  readonly raw: string
}

/** First line of a segment. */
export interface SegmentHeader {
  readonly gatehouse: "log-segment"
  readonly format: 1
  readonly first: number
  readonly last: number
  readonly previous: string
  /** Chain hash at `last`. */
  readonly hash: string
  readonly commands: Span
  readonly decisions: Span
}

/** Entries of a stream in a segment; stream ids of the first and last, empty when there are none. */
interface Span {
  readonly count: number
  readonly first: string
  readonly last: string
}

/** A segment as a file. */
export interface EncodedSegment {
  readonly name: string
  readonly bytes: Buffer
  readonly sha256: string
  readonly header: SegmentHeader
}

/** A segment that was read back: its text, of which a line is parsed when it is asked for. */
export interface DecodedSegment {
  readonly header: SegmentHeader
  readonly events: Lines<EventRecord>
  readonly commands: Lines<RawCommand>
  readonly decisions: Lines<Decided>
  /** Bytes of its text. */
  readonly size: number
}

/** A segment's file. */
export interface SegmentFile {
  readonly name: string
  readonly first: number
  readonly last: number
  /** First half of the SHA-256 of the file, hex. */
  readonly digest: string
}

/** A segment that was read back. */
export type Segment = DecodedSegment & { readonly sha256: string }

/**
 * Segment as gzip of one JSON value a line: header, events, commands, decisions. The same contents give the same bytes. Others
 * are served meanwhile.
 */
export async function encodeSegment(contents: SegmentContents): Promise<EncodedSegment> {
  const { events, commands, decisions, previous } = contents
  const [first, last] = [events[0]!, events.at(-1)!]
  const span = (ids: readonly string[]): Span => ({ count: ids.length, first: ids[0] ?? "", last: ids.at(-1) ?? "" })
  const header: SegmentHeader = {
    gatehouse: "log-segment",
    format: 1,
    first: first.position,
    last: last.position,
    previous,
    hash: last.hash,
    commands: span(commands.map(({ entry }) => entry)),
    decisions: span(decisions.map(({ id }) => id)),
  }
  const bytes = await promisify(gzip)(await textOf([header, ...events, ...commands, ...decisions]))
  const sha256 = hash("sha256", bytes)
  return { name: segmentName(first.position, last.position, sha256), bytes, sha256, header }
}

function segmentName(first: number, last: number, sha256: string): string {
  const number = (position: number) => String(position).padStart(15, "0")
  return `${number(first)}-${number(last)}-${sha256.slice(0, 32)}.ndjson.gz`
}

/** A name of a segment's file taken apart; undefined for another file. */
export function parseSegmentName(name: string): { first: number; last: number; digest: string } | undefined {
  const [, first, last, digest] = /^(\d{15})-(\d{15})-([0-9a-f]{32})\.ndjson\.gz$/.exec(name) ?? []
  return digest === undefined ? undefined : { first: Number(first), last: Number(last), digest }
}

/** Header of a segment, from the first kilobytes of its file. @throws Error for anything else */
export function decodeHeader(start: Buffer): SegmentHeader {
  const text = gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }).toString()
  return headerOf(text.slice(0, text.indexOf("\n")))
}

/** Decompresses beside the event loop. Rejects with Error for what is no segment. */
export async function decodeSegment(bytes: Buffer): Promise<DecodedSegment> {
  const text = await promisify(gunzip)(bytes)
  const header = headerOf(text.toString("utf8", 0, text.indexOf("\n")))
  const events = header.last - header.first + 1
  const { commands, decisions } = header
  const all = await linesOf(text)
  if (all.length < 1 + events + commands.count + decisions.count) throw new Error("the segment is cut short")
  return {
    header,
    size: text.length,
    events: all.part<EventRecord>(1, events),
    commands: all.part<RawCommand>(1 + events, commands.count),
    decisions: all.part<Decided>(1 + events + commands.count, decisions.count),
  }
}

function headerOf(line: string): SegmentHeader {
  const header = JSON.parse(line) as Partial<SegmentHeader>
  if (header.gatehouse !== "log-segment" || header.format !== 1)
    throw new Error("the file is no segment that this version can read")
  return header as SegmentHeader
}

/** A command of a segment as the trail gives it. */
export function receivedOf({ entry, raw }: RawCommand): Received {
  return { entry, raw, command: parseCommand(raw) }
}
