import { genesisHash, verifyChain } from "../platform/event-chain.ts"
import type { AuditTrail } from "../platform/audit-trail.ts"
import type { CommandBus } from "../platform/command-bus.ts"
import type { EventRecord, EventStore } from "../platform/event-store.ts"
import type { Lines } from "../platform/segment-lines.ts"
import type { LogArchive } from "../platform/log-archive.ts"
import type { CrashPoint } from "../platform/crash-point.ts"
import { GatehouseError } from "../errors.ts"
import type { LogRecord } from "../events/log.ts"
import type { ArchiveReport, ArchiveRequest } from "../projections/archiving.ts"
import type { Projections } from "../projections/projections.ts"
import type { Redis } from "ioredis"
import { randomUUID } from "node:crypto"
import { setImmediate } from "node:timers/promises"
import { find } from "../events/world.ts"
import { encodeSnapshot, snapshotName } from "../projections/snapshot.ts"
import { segmentCommands } from "./segment-commands.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { trimLog } from "../platform/log-trim.ts"

/** What archives the log. */
export interface ArchiverParts {
  readonly redis: Redis
  /** The log as it stands in Redis, without the archive. */
  readonly store: EventStore
  /** Commands and decisions as they stand in Redis. */
  readonly trail: AuditTrail
  readonly archive: LogArchive
  readonly bus: CommandBus
  readonly projections: Projections
  readonly crash: CrashPoint
  /** Unique to this run of the process. */
  readonly holder: string
  /** Milliseconds that the lease lasts; it is renewed for each segment. */
  readonly leaseMs: number
}

type Recorded = LogRecord["segments"][number]

const leaseName = "archive"
const pageSize = 1000
const decisionMs = 10_000

/**
 * Writes the beginning of the log into segments, records each in the log, and only then removes it from Redis; only behind a
 * snapshot in the store, and nothing that a consumer group has not acknowledged. Whatever a killed archiver left undone, the
 * next one does.
 * @throws GatehouseError `invalid_state` while another node archives; `archive_unavailable`; `store_unavailable`
 */
export async function archiveLog(parts: ArchiverParts, request: ArchiveRequest): Promise<ArchiveReport> {
  const { store, leaseMs } = parts
  // Of this request: a node must not archive twice at once either.
  const holder = `${parts.holder}:${randomUUID()}`
  const lease = await store.lease(leaseName, holder, leaseMs)
  if (!lease.held) throw new GatehouseError("invalid_state", "another node is archiving the log")
  try {
    const limit = (await snapshotPosition(parts)) - request.keep
    const written: Recorded[] = []
    let kept = await trim(parts)
    while (lastPosition(parts) < limit) {
      const renewed = await store.lease(leaseName, holder, leaseMs)
      if (!renewed.held || renewed.epoch !== lease.epoch)
        throw new GatehouseError("invalid_state", "another node is archiving the log")
      written.push(await archiveNext(parts, limit, request))
      kept = await trim(parts)
    }
    const [first] = await store.read(0, 1)
    return { segments: written, archived: lastPosition(parts), first: first?.position ?? 0, kept }
  } finally {
    await store.release(leaseName, holder)
  }
}

function segments({ projections }: ArchiverParts): readonly Recorded[] {
  return find(projections.world, "log", "log")?.segments ?? []
}

function lastPosition(parts: ArchiverParts): number {
  return segments(parts).at(-1)?.last ?? 0
}

/** Saves a snapshot in the store: nothing is removed that is not in one. @returns its position */
async function snapshotPosition({ store, projections }: ArchiverParts): Promise<number> {
  const text = encodeSnapshot(projections.world)
  const { position } = projections.world
  await store.saveSnapshot(snapshotName, text)
  if ((await store.snapshot(snapshotName)) === undefined)
    throw new GatehouseError("store_unavailable", "the snapshot was not stored")
  return position
}

async function archiveNext(parts: ArchiverParts, limit: number, request: ArchiveRequest): Promise<Recorded> {
  const { archive, bus, crash, projections } = parts
  const contents = await nextContents(parts, Math.min(limit, lastPosition(parts) + request.segment))
  const { name: file, bytes, sha256, header } = await archive.write(contents)
  const { first, last, previous, hash, commands } = header
  const segment = { first, last, previous, hash, file, sha256, bytes: bytes.length, commands: commands.count }
  const executed = await bus.execute({ type: "RecordSegment", data: segment, actor: request.actor }, decisionMs)
  if (executed.status === "queued" || !(await projections.reached(executed.position, decisionMs)))
    throw new GatehouseError("store_unavailable", "the segment was not recorded in time; archive again")
  crash("archive.recorded")
  return segment
}

/** Events up to a position that follow from the segments before, with their commands. */
async function nextContents(parts: ArchiverParts, last: number) {
  const { store, trail, archive } = parts
  const before = segments(parts).at(-1)
  const start = { position: before?.last ?? 0, hash: before?.hash ?? genesisHash }
  const events: StoredEvent[] = []
  while (start.position + events.length < last) {
    const at = start.position + events.length
    const page = (await store.read(at, Math.min(pageSize, last - at))) as StoredEvent[]
    if (page.length === 0) throw new GatehouseError("invalid_state", `the log has no position ${at + 1}`)
    events.push(...page)
  }
  verifyChain(start, events)
  const file = (await archive.files()).find(({ name }) => name === before?.file)
  const known = file === undefined ? new Set<string>() : await commandIds((await archive.load(file)).events)
  const { commands, decisions } = await segmentCommands(trail, events, known, await archivedUntil(parts))
  return {
    previous: start.hash,
    events,
    commands: commands.map(({ entry, raw }) => ({ entry, raw })),
    decisions,
  }
}

/** Ids of the commands of archived events. */
async function commandIds(events: Lines<EventRecord>): Promise<Set<string>> {
  const ids = new Set<string>()
  for (let at = 0; at < events.length; at += pageSize) {
    for (const { meta } of events.slice(at, at + pageSize) as StoredEvent[]) ids.add(meta.command_id)
    await setImmediate()
  }
  return ids
}

/** Stream ids of the last command and the last decision in the archive; `0` for none. */
async function archivedUntil(parts: ArchiverParts): Promise<{ readonly command: string; readonly decision: string }> {
  const files = new Map((await parts.archive.files()).map((file) => [file.name, file]))
  let [command, decision] = ["", ""]
  for (const { file: name } of segments(parts).toReversed()) {
    const file = files.get(name)
    if (file === undefined || (command !== "" && decision !== "")) break
    const header = await parts.archive.header(file)
    command ||= header.commands.last
    decision ||= header.decisions.last
  }
  return { command: command || "0", decision: decision || "0" }
}

/** Removes from Redis what is recorded as archived and can be read on this node. @returns why something of it stays, or null */
async function trim(parts: ArchiverParts): Promise<string | null> {
  const { archive, redis, crash } = parts
  const segment = segments(parts).at(-1)
  const [first] = await parts.store.read(0, 1)
  if (segment === undefined || first === undefined || first.position > segment.last) return null
  const files = await archive.files()
  for (const recorded of segments(parts)) {
    if (recorded.last < first.position) continue
    const file = files.find(({ name }) => name === recorded.file)
    if (file === undefined) return `this node does not have the segment ${recorded.file}`
    const header = await archive.header(file)
    if ((await archive.digest(file)) !== recorded.sha256)
      return `the segment ${recorded.file} is not the one that was recorded`
    const { last, hash } = recorded
    const request = { position: last, hash, command: header.commands.last, decision: header.decisions.last }
    const result = await trimLog(redis, request)
    crash("archive.trimmed")
    if (result.status === "needed")
      return `the consumer group ${result.group} has not acknowledged up to position ${last}`
    if (result.status === "other") return `position ${last} in Redis is not the one that was archived`
    if (result.status === "last") return "the last event stays in Redis"
  }
  return null
}
