import * as z from "zod"
import type { EventOf, Evolve } from "./envelope.ts"
import { Instant } from "./values.ts"

const Hash = z.string().regex(/^[0-9a-f]{64}$/)
const Position = z.int().min(1)

/** A run of the log in the archive. */
export const ArchivedSegment = z.strictObject({
  first: Position,
  last: Position,
  /** Chain hash before `first`, and at `last`. */
  previous: Hash,
  hash: Hash,
  /** Name of its file, and SHA-256 of that. */
  file: z.string().max(128),
  sha256: Hash,
  bytes: z.int().min(1),
  commands: z.int().min(0),
})

/** A signed statement: at this position the chain hash was this one. */
export const Checkpoint = z.strictObject({
  position: Position,
  hash: Hash,
  /** When it was signed, the signer's clock. */
  signed_at: Instant,
  /** Ed25519 public key, raw, base64url (RFC 8037 `x`). */
  public_key: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  /** Ed25519 signature of the checkpoint's text, base64url. */
  signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
})

/** Events about the log itself; the aggregate's id is `log`. */
export const logEvents = {
  SegmentArchived: ArchivedSegment,
  CheckpointSigned: Checkpoint,
  /** A dead letter was put back to work. */
  DeadLetterRetried: z.strictObject({
    letter: z.string().max(64),
    group: z.string().max(128),
    entry: z.string().max(64),
    error: z.string().max(500),
  }),
} as const

/** Event about the log. */
export type LogEvent = EventOf<typeof logEvents>

/** What the log knows of itself. */
export interface LogRecord {
  /** In order and without a gap from position 1. */
  readonly segments: readonly Readonly<z.infer<typeof ArchivedSegment>>[]
  /** The newest. */
  readonly checkpoint: Readonly<z.infer<typeof Checkpoint>> | null
}

/** Folds events about the log. */
export const evolveLog: Evolve<LogRecord, LogEvent> = (state = { segments: [], checkpoint: null }, event) => {
  switch (event.type) {
    case "SegmentArchived":
      return { ...state, segments: [...state.segments, event.data] }
    case "CheckpointSigned":
      return { ...state, checkpoint: event.data }
    case "DeadLetterRetried":
      return state
  }
}
