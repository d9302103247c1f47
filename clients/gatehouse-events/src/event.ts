import type { EventData } from "./event-types.ts"

/** What every event says besides its data. */
export interface EventBase {
  /** Counts from 1 without a gap; filters and rights leave some out. */
  readonly position: number
  /** Version of the data's schema. */
  readonly version: number
  /** Kind and id, for example `proxy/mcp.example.com`. */
  readonly aggregate: string
  readonly actor: string
  /** ISO 8601, UTC. */
  readonly at: string
  readonly command_id: string
  /** Type of the command. */
  readonly command: string
  readonly correlation_id: string
  /** Position of the event that a worker reacted to. */
  readonly causation?: number
  readonly hash: string
  /** Administrators only. */
  readonly ip?: string
  /** Administrators only. */
  readonly request_id?: string
}

/** An event by its type. A newer Gatehouse may send types that are not here: give a `switch` on `type` a default. */
export type GatehouseEvent = {
  [T in keyof EventData]: EventBase & { readonly type: T; readonly data: EventData[T] }
}[keyof EventData]

/** Type of an event. */
export type EventType = keyof EventData
