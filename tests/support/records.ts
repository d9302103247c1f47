import { randomUUID } from "node:crypto"
import { chain } from "../../src/platform/event-chain.ts"
import type { Commit, CommandRecord, EventRecord, Head, Outcome } from "../../src/platform/event-store.ts"
import { queued } from "../../src/platform/command-record.ts"
import { type Logger, logger } from "../../src/platform/log.ts"

/** A command as a submitter writes it. */
export function commandRecord(fields: Partial<CommandRecord> = {}): CommandRecord {
  const id = fields.id ?? randomUUID()
  return {
    id,
    type: "CreateThing",
    data: { name: "one" },
    actor: { name: "ADMIN", admin: true },
    correlation_id: id,
    submitted_at: "2026-01-02T03:04:05.000Z",
    fingerprint: "f".repeat(64),
    secrets: [],
    ...fields,
  }
}

/** What a test says of an event; the rest is made up. */
export type EventSketch = Partial<Pick<EventRecord, "kind" | "id" | "type" | "schema" | "data" | "meta">>

/** Events that follow `head`, chained. */
export function eventsAfter(head: Head, sketches: readonly EventSketch[]): EventRecord[] {
  let last = head
  return sketches.map((sketch) => {
    const position = last.position + 1
    const meta = {
      actor: { name: "ADMIN", admin: true },
      command_id: "c",
      command: "C",
      correlation_id: "c",
      at: "2026-01-02T03:04:05.000Z",
    }
    const event = {
      position,
      kind: "thing",
      id: "one",
      type: "ThingHappened",
      schema: 1,
      data: { position },
      meta,
      ...sketch,
    }
    last = { position, hash: chain(last.hash, event) }
    return { ...event, hash: last.hash }
  })
}

/** A commit of events after `head` for a command that was accepted. */
export function commitAfter(head: Head, events: readonly EventSketch[], fields: Partial<Commit> = {}): Commit {
  const command = commandRecord({ id: fields.command_id ?? randomUUID() })
  const records = eventsAfter(head, events)
  const position = records.at(-1)?.position ?? head.position
  const outcome: Outcome = {
    ...queued(command),
    status: "accepted",
    decided_at: command.submitted_at,
    position,
    result: null,
  }
  return {
    command_id: command.id,
    epoch: 1,
    previous: head.hash,
    expected: [],
    events: records,
    gone: [],
    unlink: [],
    outcome,
    ...fields,
  }
}

/** Lines that a logger wrote, and the logger. */
export function recordedLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = []
  return {
    lines,
    log: logger(
      "DEBUG",
      () => new Date(0),
      (line) => lines.push(line),
    ),
  }
}

/** Waits until `check` gives something that is not false or undefined. @throws after `ms`, which only say when to give up */
export async function eventually<T>(check: () => T | Promise<T>, ms = 20_000): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + ms
  for (;;) {
    const value = await check()
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${check.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
