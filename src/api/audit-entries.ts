import * as z from "zod"
import { aggregateName, isAboutOwned } from "../projections/views/event.ts"
import type { Call } from "./endpoint.ts"
import type { CommandRecord } from "../platform/event-store.ts"
import type { Decided } from "../platform/audit-trail.ts"
import type { StoredEvent } from "../events/envelope.ts"
import { definitions } from "../commands/command.ts"
import { gave } from "./access.ts"

/** What one command came to. */
export const AuditEntry = z
  .strictObject({
    at: z.string(),
    status: z.enum(["accepted", "rejected", "dead"]),
    actor: z.string(),
    command: z.string().describe("Type of the command."),
    command_id: z.string(),
    objects: z.array(z.string()).describe("Kind and id of what it changed, or, refused, was about."),
    events: z.array(z.string()).describe("Types of its events; none of a refused one."),
    position: z.int().nullable().describe("Of its last event; null when there is none."),
    code: z.string().nullable().describe("Why it was refused."),
    detail: z.string().nullable(),
    reason: z.string().nullable().describe("Why it was given, in the caller's words."),
    ip: z.string().nullable().describe("Administrators only."),
  })
  .meta({ id: "AuditEntry" })
export type AuditEntry = z.infer<typeof AuditEntry>

/** Commands that are asked for together. */
const atOnce = 100
const pageSize = 1000
/** Commands without events that one call looks at. */
const mostOthers = 20_000
/** Milliseconds that the clocks of a node and of Redis may differ. */
const clockDifference = 600_000

/** Commands by their events, in order. */
export async function acceptedEntries(
  { api, caller }: Call,
  events: AsyncIterable<StoredEvent>,
): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = []
  let current: { id: string; entry: AuditEntry } | undefined
  for await (const event of events) {
    if (!caller.admin && !isAboutOwned(event, caller.token, api.projections.world)) continue
    const { command_id } = event.meta
    if (current?.id !== command_id) {
      current = { id: command_id, entry: entryOf(event, caller.admin) }
      entries.push(current.entry)
    }
    const { entry } = current
    entry.events.push(event.type)
    entry.position = event.position
    if (!entry.objects.includes(aggregateName(event))) entry.objects.push(aggregateName(event))
  }
  return entries
}

function entryOf({ meta }: StoredEvent, admin: boolean): AuditEntry {
  return {
    at: meta.at,
    status: "accepted",
    actor: meta.actor.name,
    command: meta.command,
    command_id: meta.command_id,
    objects: [],
    events: [],
    position: null,
    code: null,
    detail: null,
    reason: meta.reason ?? null,
    ip: admin ? (meta.ip ?? null) : null,
  }
}

/** An entry whose command was not looked up yet: it has no objects, reason and address. */
export interface Unexplained {
  readonly entry: AuditEntry
  /** Stream id of the command; empty when it did not come through the stream. */
  readonly command: string
}

/** Of which time, and from which end of it. */
export interface Span {
  /** ISO 8601; undefined for the first. */
  readonly begin: string | undefined
  /** ISO 8601; undefined: until this moment. */
  readonly end: string | undefined
  readonly order: "asc" | "desc"
}

/** Commands that left no event, and where looking for them ended, when it did before the span was through. */
export interface Others {
  readonly found: readonly Unexplained[]
  readonly reached: string | undefined
}

/**
 * Commands of a span that left no event.
 * @param wanted by what is known without the command
 */
export async function othersBetween(
  call: Call,
  { begin, end, order }: Span,
  wanted: (entry: AuditEntry) => boolean,
): Promise<Others> {
  const { api, caller, signal } = call
  const { trail } = api.logTools
  const up = order === "asc"
  const found: Unexplained[] = []
  // Decisions stand in the order of the store's clock, nearly that of the deciders'.
  let cursor = up ? placeOf(begin, -clockDifference, "0") : placeOf(end, clockDifference, "+")
  for (let looked = 0; ;) {
    signal.throwIfAborted()
    const page = await (up ? trail.decisions(cursor, pageSize) : trail.decisionsBefore(cursor, pageSize))
    const last = page.at(-1)
    if (last === undefined) return { found, reached: undefined }
    for (const decided of page) {
      const entry = undecided(decided)
      const [early, late] = [begin !== undefined && entry.at < begin, end !== undefined && entry.at > end]
      if (up ? late : early) return { found, reached: undefined }
      const own = caller.admin || gave(call, decided.outcome)
      if (own && !early && !late && wanted(entry)) found.push({ entry, command: decided.entry })
    }
    looked += page.length
    if (looked >= mostOthers) return { found, reached: undecided(last).at }
    cursor = last.id
  }
}

/** Id in a stream of an instant; `fallback` for none. */
function placeOf(instant: string | undefined, offset: number, fallback: string): string {
  return instant === undefined ? fallback : `${Math.max(0, Date.parse(instant) + offset)}-0`
}

function undecided({ outcome }: Decided): AuditEntry {
  return {
    at: outcome.decided_at ?? outcome.submitted_at,
    status: outcome.status as AuditEntry["status"],
    actor: outcome.actor,
    command: outcome.type,
    command_id: outcome.command_id,
    objects: [],
    events: [],
    position: null,
    code: outcome.code ?? null,
    detail: outcome.detail ?? null,
    reason: null,
    ip: null,
  }
}

/** The entry with what its command says. */
async function explained({ api, caller }: Call, { entry, command: id }: Unexplained): Promise<AuditEntry> {
  const command = id === "" ? null : ((await api.logTools.trail.command(id))?.command ?? null)
  if (command === null) return entry
  const ip = caller.admin ? (command.ip ?? null) : null
  return { ...entry, objects: targetOf(command), reason: command.reason ?? null, ip }
}

/** The same of many, some at a time: each is a question to the store. */
export async function allExplained(call: Call, some: readonly Unexplained[]): Promise<AuditEntry[]> {
  const done: AuditEntry[] = []
  for (let at = 0; at < some.length; at += atOnce)
    done.push(...(await Promise.all(some.slice(at, at + atOnce).map((one) => explained(call, one)))))
  return done
}

/** What a command was about; nothing when it is no command of this version. */
function targetOf({ type, data }: CommandRecord): string[] {
  const definition = definitions.get(type)
  const parsed = definition?.schema.safeParse(data)
  if (definition === undefined || parsed?.success !== true) return []
  return [aggregateName(definition.target(parsed.data))]
}
