import { available, untilReady } from "./redis-call.ts"
import type { Redis } from "ioredis"
import { keys } from "./redis-keys.ts"
import { redisScript } from "./redis-script.ts"

/** How far one subscriber was served. Not an event: it would bring forth the next one to deliver. */
export interface DeliveryNote {
  /** Last position that is done with. */
  readonly position: number
  /** Replays that this note is behind. */
  readonly replays: number
  /** Attempts at what follows `position`; 0 when the last thing went well. */
  readonly attempts: number
  /** ISO 8601: when the next attempt is due. */
  readonly due_at: string | null
  /** ISO 8601: since when nothing got through. */
  readonly failing_since: string | null
  /** HTTP status of the last answer; null when there was none. */
  readonly last_status: number | null
  /** Why the last attempt failed; null when it went well. */
  readonly last_fault: string | null
  readonly last_success_at: string | null
}

/** Who writes notes: the lease under which it works, and its fencing epoch. */
export interface Writer {
  readonly lease: string
  readonly epoch: number
}

/** Notes by the id of who is served. Every call rejects with GatehouseError `store_unavailable` when Redis does not answer. */
export interface DeliveryNotes {
  read(id: string): Promise<DeliveryNote | undefined>
  ids(): Promise<string[]>
  /** @returns false when another worker leads: nothing was written */
  write(writer: Writer, id: string, note: DeliveryNote | undefined): Promise<boolean>
}

/** Notes in Redis. */
export function deliveryNotes(redis: Redis): DeliveryNotes {
  const script = redisScript("note-delivery")
  const call = <T>(run: () => Promise<T>): Promise<T> => available(untilReady(redis, 1000).then(run))
  return {
    read: (id) =>
      call(async () => {
        const text = await redis.hget(keys.deliveries, id)
        return text === null ? undefined : (JSON.parse(text) as DeliveryNote)
      }),
    ids: () => call(() => redis.hkeys(keys.deliveries)),
    write: ({ lease, epoch }, id, note) =>
      call(async () => {
        const text = note === undefined ? "" : JSON.stringify(note)
        return (await script(redis, [keys.head, keys.deliveries], [lease, epoch, id, text])) === 1
      }),
  }
}
