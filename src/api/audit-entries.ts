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

const pageSize = 1000
/** Commands without events that one call keeps. */
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

/**
 * Commands that left no event, from one instant to another (ISO 8601, undefined = the first, now).
 * @param wanted by what is known without the command
 */
export async function othersBetween(
  call: Call,
  begin: string | undefined,
  end: string | undefined,
  wanted: (entry: AuditEntry) => boolean,
): Promise<Unexplained[]> {
  const { api, caller, signal } = call
  const found: Unexplained[] = []
  // Decisions stand in the order of the store's clock, nearly that of the deciders'.
  for (let before = end === undefined ? "+" : `${Date.parse(end) + clockDifference}-0`; found.length < mostOthers;) {
    signal.throwIfAborted()
    const page = await api.logTools.trail.decisionsBefore(before, pageSize)
    if (page.length === 0) break
    for (const decided of page) {
      const entry = undecided(decided)
      if (begin !== undefined && entry.at < begin) return found
      const own = caller.admin || gave(call, decided.outcome)
      if (own && (end === undefined || entry.at <= end) && wanted(entry)) found.push({ entry, command: decided.entry })
    }
    before = page.at(-1)!.id
  }
  return found
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
export async function explained({ api, caller }: Call, { entry, command: id }: Unexplained): Promise<AuditEntry> {
  const command = id === "" ? null : ((await api.logTools.trail.command(id))?.command ?? null)
  if (command === null) return entry
  const ip = caller.admin ? (command.ip ?? null) : null
  return { ...entry, objects: targetOf(command), reason: command.reason ?? null, ip }
}

/** What a command was about; nothing when it is no command of this version. */
function targetOf({ type, data }: CommandRecord): string[] {
  const definition = definitions.get(type)
  const parsed = definition?.schema.safeParse(data)
  if (definition === undefined || parsed?.success !== true) return []
  return [aggregateName(definition.target(parsed.data))]
}
