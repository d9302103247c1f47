import { hash } from "node:crypto"
import { canonicalJson } from "./canonical-json.ts"
import type { EventRecord, Head } from "./event-store.ts"

/** Chain hash before the first event. */
export const genesisHash = "0".repeat(64)

/** An event that does not follow from what stands before it. `position` is where. */
export class ChainError extends Error {
  override name = "ChainError"
  readonly position: number

  constructor(position: number, message: string) {
    super(message)
    this.position = position
  }
}

/**
 * Chain hash of an event: SHA-256, hex, over the previous event's hash, position, aggregate, type, schema version, and the
 * canonical data and metadata.
 */
export function chain(previous: string, event: Omit<EventRecord, "hash">): string {
  const { position, kind, id, type, schema, data, meta } = event
  return hash("sha256", canonicalJson([previous, position, kind, id, type, schema, data, meta]))
}

/**
 * Checks that `event` is the one that follows `head`.
 * @throws ChainError on a gap and on a hash that does not follow
 */
export function verifyNext(head: Head, event: EventRecord): void {
  if (event.position !== head.position + 1)
    throw new ChainError(event.position, `the log jumps from position ${head.position} to ${event.position}`)
  if (chain(head.hash, event) !== event.hash)
    throw new ChainError(event.position, `position ${event.position} does not follow from what stands before it`)
}

/** Checks a run of events after `head`. @returns the head at their end @throws ChainError at the first that does not follow */
export function verifyChain(head: Head, events: readonly EventRecord[]): Head {
  let last = head
  for (const event of events) {
    verifyNext(last, event)
    last = { position: event.position, hash: event.hash }
  }
  return last
}
