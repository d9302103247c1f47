/** Stream entries, commits and outcomes as the store sees them: it knows their shape, not their meaning. */

/** Who caused a write; see `events/envelope.ts`. */
export interface ActorRecord {
  readonly name: string
  readonly admin: boolean
  readonly token?: string
}

/** A command as it stands in `{gh}:commands`. Holds no secret: `secrets` names vault entries that it brought. */
export interface CommandRecord {
  /** UUID; UUIDv5(actor, Idempotency-Key) when the caller gave a key. */
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly actor: ActorRecord
  readonly ip?: string
  readonly request_id?: string
  /** Why, in the caller's words. */
  readonly reason?: string
  readonly correlation_id: string
  /** Position of the event that a worker reacted to. */
  readonly causation?: number
  /** ISO 8601, the submitter's clock. */
  readonly submitted_at: string
  /** SHA-256 of what the caller asked for: same key with another fingerprint is a mismatch. */
  readonly fingerprint: string
  /** Vault entries stored with the command; removed again when it is refused. */
  readonly secrets: readonly string[]
  /** Required version of the aggregate (If-Match). */
  readonly if_match?: number
}

/** What became of a command. Kept until it is decided, and then at least 24 hours. */
export interface Outcome {
  readonly command_id: string
  readonly type: string
  readonly fingerprint: string
  readonly actor: string
  readonly status: "queued" | "accepted" | "rejected" | "dead"
  readonly submitted_at: string
  readonly decided_at?: string
  /** Last position of an accepted command; for one without events the head at its decision. */
  readonly position?: number
  /** What `decide` returned to the caller; no secret. */
  readonly result?: unknown
  /** Error code, text and details of a refusal. */
  readonly code?: string
  readonly detail?: string
  readonly extras?: unknown
}

/** An event in the log, as text that hashes can be checked against. */
export interface EventRecord {
  readonly position: number
  readonly kind: string
  readonly id: string
  readonly type: string
  readonly schema: number
  readonly data: unknown
  readonly meta: unknown
  /** SHA-256, hex, over the previous hash and everything above. */
  readonly hash: string
}

/** End of the log. */
export interface Head {
  readonly position: number
  readonly hash: string
}

/** One decided command, to be applied whole or not at all. */
export interface Commit {
  readonly command_id: string
  /** Stream id of the command's entry, acknowledged in the same step; absent when it is not in the stream. */
  readonly entry?: string
  /** The command, appended in the same step when nothing waits before it; brings no vault entries. Instead of `entry`. */
  readonly command?: CommandRecord
  /** Fencing epoch of the decider's lease. */
  readonly epoch: number
  /** Hash that the first event was chained to. */
  readonly previous: string
  /** Required versions: position of the aggregate's last event, 0 for one that does not exist. */
  readonly expected: readonly { readonly kind: string; readonly id: string; readonly version: number }[]
  readonly events: readonly EventRecord[]
  /** Aggregates that no longer exist after this commit. */
  readonly gone: readonly { readonly kind: string; readonly id: string }[]
  /** Vault entries to destroy. */
  readonly unlink: readonly string[]
  readonly outcome: Outcome
  /** For a command that cannot be decided: why, for the dead letters. */
  readonly dead?: { readonly group: string; readonly attempts: number; readonly error: string; readonly entry: string }
}

/** What the store did with a commit. */
export type CommitResult =
  | { readonly status: "committed" }
  /** The command had an outcome already: nothing was written. */
  | { readonly status: "duplicate"; readonly outcome: Outcome }
  /** The same, so long ago that its outcome has expired. */
  | { readonly status: "past" }
  /** Another decider leads. */
  | { readonly status: "fenced" }
  /** Head or an expected version differs: fold again and retry. */
  | { readonly status: "conflict" }
  /** The command that was to be appended is known, or others wait before it: it has to be submitted. */
  | { readonly status: "behind" }

/** What the store did with a command. */
export type Submitted =
  | { readonly status: "queued" }
  /** The id is known: its outcome so far. Nothing was written. */
  | { readonly status: "known"; readonly outcome: Outcome }

/** Sealed vault entry by reference. */
export type SealedSecrets = Readonly<Record<string, string>>

/** A command taken from the stream, not yet acknowledged. */
export interface Delivery {
  readonly entry: string
  /** 1 for the first delivery; later ones count the decisions that were begun before, {@link EventStore.begin}, and this one. */
  readonly attempts: number
  /** null when the entry cannot be parsed; `raw` holds its text. */
  readonly command: CommandRecord | null
  readonly raw: string
}

/** What changed behind a tailing reader. */
export interface Tail {
  readonly events: readonly EventRecord[]
  readonly outcomes: readonly Outcome[]
}

/**
 * The log and what belongs to it. Two implementations: Redis, and memory (for replay and what-if).
 * Every call rejects with GatehouseError `store_unavailable` when the store does not answer within its deadline.
 */
export interface EventStore {
  /** Appends a command with its vault entries once per command id. */
  submit(command: CommandRecord, secrets: SealedSecrets): Promise<Submitted>
  /** Applies one decided command atomically; checks dedupe, epoch, head and versions before the first write. */
  commit(commit: Commit): Promise<CommitResult>
  /** Events with a position > `after`, at most `limit` (≤ 1000), in order. */
  read(after: number, limit: number): Promise<EventRecord[]>
  head(): Promise<Head>
  outcome(commandId: string): Promise<Outcome | undefined>
  /** Sealed vault entry, or undefined. */
  secret(ref: string): Promise<string | undefined>
  /**
   * Commands for the one active decider, oldest first: undecided deliveries of an earlier leader, then new ones.
   * Waits at most `blockMs` (≤ 5000) for the first.
   */
  take(limit: number, blockMs: number): Promise<Delivery[]>
  /**
   * Notes, before it begins, that a delivery which is not the first is being decided: what ends its decider again and again is told by
   * that. Being given out is no attempt, for a delivery may be lost on its way.
   * @param attempts those of the delivery
   */
  begin(entry: string, attempts: number): Promise<void>
  /** Events after `events` and outcomes after `outcomes` (opaque cursor); waits at most `blockMs`. */
  tail(events: number, outcomes: string, blockMs: number): Promise<Tail & { readonly cursor: string }>
  /** Cursor for `tail` that starts at outcomes written from now on. */
  outcomesCursor(): Promise<string>
  /** Takes or renews a named lease. */
  lease(name: string, holder: string, ttlMs: number): Promise<{ readonly held: boolean; readonly epoch: number }>
  /** Gives a lease back. */
  release(name: string, holder: string): Promise<void>
  /** Newest snapshot of a projection schema, or undefined. */
  snapshot(name: string): Promise<string | undefined>
  saveSnapshot(name: string, value: string): Promise<void>
  close(): Promise<void>
}
