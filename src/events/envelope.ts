import type * as z from "zod"

/** Who caused a write. `token` is the id of the API token; absent for Gatehouse's own workers and OAuth users. */
export interface Actor {
  /** Token name, `system:<worker>` or `oauth:<subject>`. */
  readonly name: string
  readonly admin: boolean
  readonly token?: string
}

/** What every event remembers of the command that caused it. Holds no secret. */
export interface EventMeta {
  readonly actor: Actor
  /** Client address of the request, where there was one. */
  readonly ip?: string
  readonly command_id: string
  /** Type of the command. */
  readonly command: string
  readonly request_id?: string
  /** Why, in the words of whoever asked for it. */
  readonly reason?: string
  /** Shared by everything that one outside request set in motion. */
  readonly correlation_id: string
  /** Position of the event that a worker reacted to. */
  readonly causation?: number
  /**
   * Tokens that owned the object before or after the event: these may see it. Absent for what belongs to nobody, and in events
   * that were written before there were subscribers.
   */
  readonly owners?: readonly string[]
  /**
   * A build that does not know this type or schema version may pass over it: it changes nothing that such a build serves. Its object
   * exists before it and after it.
   */
  readonly ignorable?: true
  /** ISO 8601, UTC, the decider's clock. */
  readonly at: string
}

/** A fact as `decide` returns it: not yet in the log. `id` names the aggregate within its kind. */
export interface NewEvent {
  readonly kind: string
  readonly id: string
  readonly type: string
  readonly data: unknown
}

/** An entry of the log. `position` counts from 1 without gaps; `hash` chains over everything before it. */
export interface StoredEvent extends NewEvent {
  readonly position: number
  /** Version of the data's schema. */
  readonly schema: number
  readonly meta: EventMeta
  /** SHA-256, hex. */
  readonly hash: string
}

/** Schemas of one aggregate's events by type; everything else is inferred from such a table. */
export type EventSchemas = Readonly<Record<string, z.ZodType>>

/** The closed union of one aggregate's events. */
export type EventOf<S extends EventSchemas> = {
  [T in keyof S & string]: { readonly type: T; readonly id: string; readonly data: z.infer<S[T]> }
}[keyof S & string]

/** Folds one event into one aggregate's state; `undefined` means that the aggregate does not exist. */
export type Evolve<State, Event> = (state: State | undefined, event: Event, at: string) => State | undefined
