import type { Commit, CommandRecord, Delivery, EventRecord, Outcome } from "./event-store.ts"
import { GatehouseError } from "../errors.ts"
import { chain } from "./event-chain.ts"
import { deciderGroup } from "./redis-keys.ts"
import { queued } from "./command-record.ts"

type Aggregate = { readonly kind: string; readonly id: string }

/** What a command comes to when it is not refused. */
export interface Decision {
  readonly events: readonly (Aggregate & {
    readonly type: string
    readonly data: unknown
    /** Who owned the aggregate before or after it; goes into the event's metadata. */
    readonly owners?: readonly string[]
  })[]
  /** For the caller; no secret. */
  readonly result?: unknown
  /** Version of each touched aggregate, 0 for one that does not exist. */
  readonly expected: Commit["expected"]
  /** Aggregates that the events end. */
  readonly gone: readonly Aggregate[]
  /** Vault entries to destroy with the commit. */
  readonly unlink: readonly string[]
}

/** The state that commands are decided against, as far as the loop needs to know it. */
export interface Model {
  /** Last event that was folded, and its chain hash. */
  readonly position: number
  readonly hash: string
  /**
   * Pure. @param now ISO 8601
   * @throws GatehouseError for a refusal; anything else is a fault of the command or of the decider
   */
  decide(command: CommandRecord, now: string): Decision
  /** Folds events of the log that follow `position`. */
  fold(records: readonly EventRecord[]): void
}

/** Version of every event schema that is written. */
const schema = 1

/**
 * Commit of a command decided against the model: its events, or its refusal with the vault entries that it brought removed.
 * @throws whatever `decide` throws besides a refusal
 */
export function decidedCommit(
  model: Model,
  command: CommandRecord,
  entry: string | undefined,
  epoch: number,
  now: string,
): Commit {
  const base = { command_id: command.id, ...(entry !== undefined && { entry }), epoch, previous: model.hash }
  try {
    const { events, result = null, expected, gone, unlink } = model.decide(command, now)
    const records = recordsAfter(model, events, meta(command, now))
    const position = records.at(-1)?.position ?? model.position
    const outcome: Outcome = { ...queued(command), status: "accepted", decided_at: now, position, result }
    return { ...base, events: records, expected, gone, unlink, outcome }
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error
    const { code, message: detail, extras } = error
    const outcome: Outcome = { ...queued(command), status: "rejected", decided_at: now, code, detail, extras }
    return { ...base, events: [], expected: [], gone: [], unlink: command.secrets, outcome }
  }
}

/** Commit that takes an undecidable command out of the way, into the dead letters. */
export function deadCommit(
  model: Model,
  { entry, attempts, command }: Delivery,
  error: string,
  epoch: number,
  now: string,
): Commit {
  const unknown = { command_id: entry, type: "unknown", fingerprint: "", actor: "unknown", submitted_at: now }
  const outcome: Outcome = { ...(command === null ? unknown : queued(command)), status: "dead", decided_at: now }
  return {
    command_id: outcome.command_id,
    entry,
    epoch,
    previous: model.hash,
    events: [],
    expected: [],
    gone: [],
    unlink: command?.secrets ?? [],
    outcome,
    dead: { group: deciderGroup, attempts, error: error.slice(0, 500), entry },
  }
}

function recordsAfter(model: Model, events: Decision["events"], about: object): EventRecord[] {
  let { position, hash } = model
  return events.map(({ kind, id, type, data, owners = [] }) => {
    // As it will be read from the log, so that every reader computes the same hash.
    const stored: unknown = JSON.parse(JSON.stringify(data ?? null))
    const meta = owners.length === 0 ? about : { ...about, owners }
    const event = { position: ++position, kind, id, type, schema, data: stored, meta }
    hash = chain(hash, event)
    return { ...event, hash }
  })
}

/** What every event remembers of its command; see `events/envelope.ts`. */
function meta(command: CommandRecord, at: string): object {
  const { actor, ip, request_id, causation, reason } = command
  return {
    actor: { name: actor.name, admin: actor.admin, ...(actor.token !== undefined && { token: actor.token }) },
    ...(ip !== undefined && { ip }),
    command_id: command.id,
    command: command.type,
    ...(request_id !== undefined && { request_id }),
    correlation_id: command.correlation_id,
    ...(reason !== undefined && { reason }),
    ...(causation !== undefined && { causation }),
    at,
  }
}
